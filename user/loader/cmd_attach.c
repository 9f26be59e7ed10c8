/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach: load, pin, route, then attach the program last. Owns the order of the steps, and
 * undoes them after a failure.
 */
#include <fnmatch.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

#include "loader/attach/attach.h"
#include "loader/check/checks.h"
#include "loader/check/list.h"
#include "loader/check/tools/listening.h"
#include "loader/commands.h"
#include "loader/edit/caveat.h"
#include "loader/steps/iface.h"
#include "loader/steps/learn.h"
#include "loader/steps/routing/steps_route.h"
#include "loader/steps/session_open.h"

/* How long a running relay gets to put its listeners into freshly made maps. */
#define RELAY_WAIT_MS 200

/* ---- checks ------------------------------------------------------------- */

static int refuse_device(struct session *session, const struct device *device, const char *why,
			 int instead)
{
	struct device better = { 0 };

	if (instead && !device_by_index(&session->nl, instead, &better))
		log_error("%s: %s (attach %s)", device->name, why, better.name);
	else
		log_error("%s: %s (%s)", device->name, why,
			  device->flags & IFF_LOOPBACK ? "attach --local" :
							 "attach another interface");
	return -EOPNOTSUPP;
}

static int add_target(struct attach *a, const struct device *device)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->targets[i].device.ifindex == device->ifindex)
			return 0;
	if (a->n == ATTACH_MAX_IFACES) {
		log_error("attach: more than %d interfaces at once (use several calls)",
			  ATTACH_MAX_IFACES);
		return -E2BIG;
	}
	a->targets[a->n++].device = *device;
	return 0;
}

struct glob {
	struct attach *attach;
	const char *pattern;
	bool matched;
};

/* A glob skips devices that cannot be attached; naming one of them is an error. */
static int add_if_match(const struct device *device, void *arg)
{
	struct glob *glob = arg;
	int instead;

	if (fnmatch(glob->pattern, device->name, 0) || device_refusal(device, &instead))
		return 0;
	glob->matched = true;
	return add_target(glob->attach, device);
}

static int add_name(struct attach *a, const char *name)
{
	struct glob glob = { .attach = a, .pattern = name };
	struct device device;
	const char *why;
	int instead, err;

	if (strpbrk(name, "*?[")) {
		err = session_walk_devices(a->session, add_if_match, &glob);
		if (!err && !glob.matched)
			log_info("%s: no such interface yet (tproxy-loader watch '%s' attaches "
				 "them as they appear)",
				 name, name);
		return err;
	}
	err = device_by_name(&a->session->nl, name, &device);
	if (err) {
		log_error("%s: %s (ip link shows the interfaces)", name,
			  err == -ENODEV ? "no such interface" : strerror(-err));
		return err;
	}
	why = device_refusal(&device, &instead);
	return why ? refuse_device(a->session, &device, why, instead) : add_target(a, &device);
}

/* ---- one interface ------------------------------------------------------ */

static int write_after(struct attach *a, const struct device *device)
{
	int err;

	if (a->session->dry_run || !a->request->after.n)
		return 0;
	err = after_write(&a->session->state, (__u32)device->ifindex, &a->request->after);
	if (err)
		log_error("%s: cannot store the names of --after: %s", device->name,
			  strerror(-err));
	return err;
}

/* The device has another name, or is in another VRF: its old routing rules name what it left. */
static bool rules_are_stale(const struct target *target)
{
	return target->was_attached &&
	       ((int)target->before.vrf != device_vrf(&target->device) ||
		strcmp((const char *)target->before.name, target->device.name) != 0);
}

static int attach_target(struct attach *a, struct target *target)
{
	const struct iface_want want = {
		.roles = a->request->divert_only ? TPROXY_ROLE_DIVERT : TPROXY_ROLE_POLICY,
		.mask = policy_used_rules(&a->after),
		.hook = a->request->hook,
		.follow = a->request->after.n != 0,
	};
	int err = iface_forget_stale(a->session, &target->device);

	target->touched = true;
	if (!err)
		err = write_after(a, &target->device);
	if (!err)
		err = iface_on(a->session, &target->device, &want);
	return !err && rules_are_stale(target) ? steps_route_off(a->session, 0) : err;
}

/* Warns of programs that run before ours, and of names in --after that match none of them. */
static void report_order(struct attach *a, const struct target *target)
{
	const char *name = target->device.name;
	struct checkup c __cleanup_checkup = { .session = a->session };
	const struct checked_iface iface = { .device = target->device, .there = true };
	char line[PROBLEM_LINE_LEN];
	struct chain chain;

	if (a->session->dry_run || !iface_chain(a->session, &target->device, &chain))
		return;
	check_order(&c, &iface);
	for (size_t i = 0; i < c.problems.n; i++)
		log_warn("%s", problem_line(&c.problems.items[i], line));
	for (size_t i = 0; i < a->request->after.n; i++)
		if (!chain_has(&chain, a->request->after.names[i]))
			log_warn(
				"%s: --after %s: no such program runs before ours (the name is kept "
				"for a later one)",
				name, a->request->after.names[i]);
}

static int attach_own(struct attach *a)
{
	unsigned int changed;

	a->own_touched = true;
	return own_on(a->session, &a->request->own, &changed);
}

/* ---- the whole ---------------------------------------------------------- */

static void undo(struct attach *a)
{
	struct session *session = a->session;

	if (session->dry_run)
		return;
	if (a->created && session->state.map[MAP_IFACES] >= 0) {
		iface_everything_off(session);
		return;
	}
	if (a->own_touched && !a->own_before)
		iface_own_off(session);
	for (size_t i = 0; i < a->n; i++) {
		struct target *target = &a->targets[i];
		struct iface_entry iface = { .ifindex = (__u32)target->device.ifindex };

		if (!target->touched)
			continue;
		if (target->was_attached)
			policy_maps_iface_set(&session->state, iface.ifindex, &target->before);
		else if (!policy_maps_iface_get(&session->state, iface.ifindex, &iface.value))
			iface_off(session, &iface);
	}
	if (a->policy_changed)
		policy_maps_change(&session->state, &a->after, &a->before);
}

static bool uses_relay(const struct policy *policy)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule_is_proxy(rule) && !rule->proxy.port)
			return true;
	}
	return false;
}

/* Its listeners, once they are in the map, may be dead. */
static bool relay_is_there(const struct session *session)
{
	struct listening l __cleanup_listening = { .slots = { { 0 } } };

	if (!policy_maps_slot_cookie(&session->state, TPROXY_SLOT(0, TPROXY_TCP4, 0)) &&
	    !policy_maps_slot_cookie(&session->state, TPROXY_SLOT(0, TPROXY_TCP6, 0)))
		return false;
	return listening_open(&l, &session->state) ||
	       (listening_relay(&l) & (1 << TPROXY_TCP4 | 1 << TPROXY_TCP6));
}

/* A running relay registers as soon as the pins appear: waits a moment for it. */
static void wait_for_relay(struct attach *a)
{
	static const struct timespec ms = { .tv_nsec = 1000 * 1000 };
	const char *otherwise = "dropped (--on-proxy-down)";

	if (a->session->dry_run || !uses_relay(&a->after))
		return;
	for (int i = 0; i < (a->created ? RELAY_WAIT_MS : 1); i++) {
		if (relay_is_there(a->session))
			return;
		nanosleep(&ms, NULL);
	}
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (a->after.rules[i].used && a->after.rules[i].on_down == TPROXY_ON_DOWN_PASS)
			otherwise = "treated as --on-proxy-down says";
	log_warn("no relay is registered: until tproxy-relay runs, new flows are %s", otherwise);
}

static int read_before(struct attach *a)
{
	int err = 0;

	if (a->session->dry_run && a->session->state.map[MAP_RULES] < 0)
		return 0;
	for (size_t i = 0; i < a->n; i++) {
		struct target *target = &a->targets[i];

		target->was_attached = !policy_maps_iface_get(
			&a->session->state, (__u32)target->device.ifindex, &target->before);
	}
	a->own_before = own_is_there(a->session);
	err = policy_maps_read(&a->session->state, &a->before);
	if (err)
		log_error("%s: cannot read the policy: %s", a->session->state.dir, strerror(-err));
	return err;
}

static int attach_all(struct attach *a, bool present)
{
	int err = setup_state(a->session, &a->request->setup, present, &a->created);

	if (!err)
		err = read_before(a);
	if (!err)
		err = attach_plan_policy(a);
	if (!err)
		attach_learn(a);
	if (!err)
		err = attach_change_policy(a);
	if (!err)
		err = steps_lookup_on(a->session);
	if (!err)
		wait_for_relay(a);
	for (size_t i = 0; i < a->n && !err; i++)
		err = attach_target(a, &a->targets[i]);
	if (!err && a->request->local)
		err = attach_own(a);
	/* Once all are attached: another interface may cover what this one does not. */
	for (size_t i = 0; i < a->n && !err; i++)
		if (!a->targets[i].was_attached)
			caveat_warn(a->session, &a->targets[i].device);
	for (size_t i = 0; i < a->n && !err; i++)
		report_order(a, &a->targets[i]);
	return err;
}

static void report(const struct attach *a)
{
	if (a->request->divert_only)
		return;
	if (!policy_used_rules(&a->after)) {
		log_info("attached, but no rule says what to intercept (tproxy-loader rule add "
			 "NAME --ports 22, or attach IF --ports 22)");
		return;
	}
	if (a->request->local && !policy_local_rules(&a->after))
		log_warn("own traffic: attached, but no rule is for it (tproxy-loader attach "
			 "--local --ports 22, or rule add NAME --local)");
	for (size_t i = 0; i < a->n; i++) {
		const char *name = a->targets[i].device.name;

		if (!policy_rules_on(&a->after, name))
			log_warn(
				"%s: attached, but every rule is for other interfaces "
				"(tproxy-loader attach %s --ports 22, or rule add NAME --interface "
				"%s --ports 22)",
				name, name, name);
	}
}

/* Runs the checks with probes; attach has reported earlier programs. EXIT_REMARKS for problems. */
static int probe(struct attach *a)
{
	struct checkup c __cleanup_checkup = { .lock = COMMAND_LOCK_NONE };
	char line[PROBLEM_LINE_LEN];
	int err = checkup_open(&c, a->session);

	if (err) {
		log_error("%s: cannot read the maps: %s", a->session->state.dir, strerror(-err));
		return EXIT_FAILED;
	}
	c.locked = c.may_probe = c.must_probe = true;
	checks_run(&c, NULL, CHECKS_QUICK);
	for (size_t i = 0; i < c.problems.n; i++)
		if (strcmp(c.problems.items[i].id, "earlier-program"))
			log_warn("%s", problem_line(&c.problems.items[i], line));
	log_info("probes: %u sent, %u arrived", c.probes_sent, c.probes_arrived);
	return problems_verdict(&c.problems) == VERDICT_OK ? EXIT_DONE : EXIT_REMARKS;
}

static int attach(struct app *app, const struct attach_request *request)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct attach a = { .request = request, .session = &session };
	bool present;
	int err = 0, code;

	session.dry_run = request->dry_run;
	code = session_open_any(&session, app, &present);
	if (code)
		return code;
	for (size_t i = 0; i < request->n && !err; i++)
		err = add_name(&a, request->names[i]);
	if (!err) {
		err = attach_all(&a, present);
		if (err)
			undo(&a);
		else
			report(&a);
	}
	if (!err && request->probe && !request->dry_run)
		code = probe(&a);
	policy_free(&a.before);
	policy_free(&a.after);
	return err ? EXIT_FAILED : code;
}

int cmd_attach(struct app *app, int argc, char **argv)
{
	struct attach_request request = { .learn = CONFIG_LEARN_DEFAULT_S };
	int code = attach_parse(app, argc, argv, &request);

	if (!code)
		code = app_enter(app) ? attach(app, &request) : EXIT_FAILED;
	rule_options_free(&request.rule);
	return code;
}
