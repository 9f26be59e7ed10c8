/* SPDX-License-Identifier: BSD-2-Clause */
/* attach: load, pin, route, then attach the program last. A failure undoes what this call did. */
#include <fnmatch.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

#include "loader/caveat.h"
#include "loader/iface.h"
#include "loader/learn.h"
#include "loader/ruleopts.h"
#include "loader/setup.h"

#define MAX_IFACES 64
/* How long a running relay gets to put its listeners into freshly made maps. */
#define RELAY_WAIT_MS 200

enum { OPT_DIVERT_ONLY = 3000, OPT_HOOK, OPT_MARK, OPT_TABLE, OPT_UNREADABLE, OPT_DRY_RUN };

static const struct option options[] = {
	RULE_LONG_OPTIONS,
	{ "divert-only", no_argument, NULL, OPT_DIVERT_ONLY },
	{ "hook", required_argument, NULL, OPT_HOOK },
	{ "mark", required_argument, NULL, OPT_MARK },
	{ "table", required_argument, NULL, OPT_TABLE },
	{ "unreadable", required_argument, NULL, OPT_UNREADABLE },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	LEARN_LONG_OPTION,
	APP_LONG_OPTIONS,
};

struct request {
	const char *names[MAX_IFACES]; /* names and globs, as given */
	size_t n;
	struct rule_options rule;
	bool divert_only, dry_run;
	bool has_unreadable;
	enum tproxy_unreadable unreadable;
	enum hook hook; /* HOOK_NONE: choose */
	struct setup setup;
	unsigned int learn; /* seconds */
};

/* What one interface was before, so that a failure can put it back. */
struct target {
	struct device device;
	bool was_attached;
	struct tproxy_iface before;
	bool touched;
};

struct attach {
	const struct request *request;
	struct session *session;
	struct target targets[MAX_IFACES];
	size_t n;
	struct policy before, after;
	bool created, policy_changed;
};

/* ---- command line --------------------------------------------------------- */

static int take_mark(const char *value, __u32 *ret_mark)
{
	char *end;
	unsigned long mark = strtoul(value, &end, 0);

	if (*value < '0' || *value > '9' || *end || !mark || mark > 0xffffffffUL ||
	    (mark & (mark - 1))) {
		log_error("--mark %s: not one bit of 32 (for example 0x1000000)", value);
		return -EINVAL;
	}
	*ret_mark = (__u32)mark;
	return 0;
}

static int take_table(const char *value, __u32 *ret_table)
{
	const char *why;

	if (!parse_u32(value, 1, 0xfffffffe, ret_table, &why) &&
	    (*ret_table < 253 || *ret_table > 255))
		return 0;
	log_error("--table %s: not a table number of our own (for example 15001)", value);
	return -EINVAL;
}

static int take_hook(const char *value, enum hook *ret_hook)
{
	int hook;

	if (!strcmp(value, "auto")) {
		*ret_hook = HOOK_NONE;
		return 0;
	}
	hook = parse_name(value, hook_names, HOOK_MAX);
	if (hook <= HOOK_NONE) {
		log_error("--hook %s: unknown value (auto, tcx or clsact)", value);
		return -EINVAL;
	}
	*ret_hook = (enum hook)hook;
	return 0;
}

static int take_unreadable(const char *value, struct request *request)
{
	int index = parse_name(value, policy_unreadable_names, TPROXY_UNREADABLE_MAX);

	if (index < 0) {
		log_error("--unreadable %s: unknown value (drop or pass)", value);
		return -EINVAL;
	}
	request->unreadable = (enum tproxy_unreadable)index;
	request->has_unreadable = true;
	return 0;
}

static int take_option(struct request *request, int opt, const char *value)
{
	switch (opt) {
	case OPT_DIVERT_ONLY:
		request->divert_only = true;
		return 0;
	case OPT_DRY_RUN:
		request->dry_run = true;
		return 0;
	case OPT_HOOK:
		return take_hook(value, &request->hook);
	case OPT_MARK:
		return take_mark(value, &request->setup.mark);
	case OPT_TABLE:
		return take_table(value, &request->setup.table);
	case OPT_UNREADABLE:
		return take_unreadable(value, request);
	case OPT_LEARN:
		return learn_take_seconds(value, &request->learn);
	default:
		return rule_options_take(&request->rule, opt, value);
	}
}

static int take_name(struct request *request, const char *name)
{
	if (request->n == MAX_IFACES) {
		log_error("attach: more than %d interfaces at once (use several calls)",
			  MAX_IFACES);
		return -E2BIG;
	}
	request->names[request->n++] = name;
	return 0;
}

static int parse_request(struct app *app, int argc, char **argv, struct request *request)
{
	const char *operand;
	int opt;

	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (opt ? take_option(request, opt, optarg) : take_name(request, operand))
			return EXIT_USAGE;
	}
	if (!request->n)
		return app_usage_error("attach: which interface? (tproxy-loader attach IF)");
	if (request->divert_only && request->rule.any)
		return app_usage_error("attach: --divert-only takes no rule options (attach the "
				       "other interfaces with them)");
	return EXIT_DONE;
}

/* ---- checks --------------------------------------------------------------- */

static int refuse_device(struct session *session, const struct device *device, const char *why,
			 int instead)
{
	struct device better = { 0 };

	if (instead && !device_by_index(&session->nl, instead, &better))
		log_error("%s: %s (attach %s)", device->name, why, better.name);
	else
		log_error("%s: %s (attach another interface)", device->name, why);
	return -EOPNOTSUPP;
}

static int add_target(struct attach *a, const struct device *device)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->targets[i].device.ifindex == device->ifindex)
			return 0;
	if (a->n == MAX_IFACES) {
		log_error("attach: more than %d interfaces at once (use several calls)",
			  MAX_IFACES);
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

/* A glob means the devices we can serve; one we cannot is left out, not an error. */
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
		err = device_walk(&a->session->nl, add_if_match, &glob);
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

/* ---- policy --------------------------------------------------------------- */

static int plan_policy(struct attach *a)
{
	const struct rule_options *wanted = &a->request->rule;
	int index, err = policy_copy(&a->before, &a->after);

	if (a->request->has_unreadable)
		a->after.unreadable = a->request->unreadable;
	if (err || !wanted->any)
		return err;
	index = policy_find(&a->after, policy_default_rule);
	if (index >= 0)
		return rule_options_extend(wanted, &a->after.rules[index]);
	index = policy_append_index(&a->after);
	if (index < 0)
		return index;
	return rule_options_create(wanted, policy_default_rule, TPROXY_ACTION_PROXY,
				   &a->after.rules[index]);
}

static void describe_rule(const struct rule *rule)
{
	char text[PREFIX_TEXT_LEN], proxy[PROXY_TEXT_LEN];
	char services[256] = "", to[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < rule->services.n && len < sizeof(services); i++)
		len += (size_t)snprintf(services + len, sizeof(services) - len, " %s",
					service_format(&rule->services.items[i], text));
	len = 0;
	for (size_t i = 0; i < rule->to.n && len < sizeof(to); i++)
		len += (size_t)snprintf(to + len, sizeof(to) - len, " %s",
					prefix_format(&rule->to.items[i], text));
	log_step("rule %s:%s to%s: %s %s, on-down %s%s", rule->name, services,
		 prefix_set_is_all(&rule->to) ? " all" : to, policy_action_names[rule->action],
		 rule->action == TPROXY_ACTION_PROXY ? proxy_format(&rule->proxy, proxy) : "",
		 policy_on_down_names[rule->on_down],
		 rule->unrouted == TPROXY_UNROUTED_PROXY ? ", unrouted proxy" : "");
}

/* While the old policy is in force, and nothing yet on the new interfaces. */
static void learn(struct attach *a)
{
	struct device new[MAX_IFACES];
	const struct learn learn = { .before = &a->before,
				     .after = &a->after,
				     .seconds = a->request->learn,
				     .new = new,
				     .n_new = a->request->divert_only ? 0 : a->n };

	for (size_t i = 0; i < a->n; i++)
		new[i] = a->targets[i].device;
	learn_flows(a->session, &learn);
}

static int change_policy(struct attach *a)
{
	int index, err, changes = live_policy_differs(&a->before, &a->after);

	if (changes < 0)
		log_error("rule %s: %s", policy_default_rule, strerror(-changes));
	if (changes <= 0)
		return changes;
	if (a->before.unreadable != a->after.unreadable)
		log_step("unreadable packets: %s", policy_unreadable_names[a->after.unreadable]);
	index = policy_find(&a->after, policy_default_rule);
	if (index >= 0 && a->request->rule.any) {
		describe_rule(&a->after.rules[index]);
		caveat_destinations(&a->after.rules[index], &a->request->rule.rule.to);
	}
	if (a->session->dry_run)
		return 0;
	a->policy_changed = true;
	err = live_change_policy(&a->session->state, &a->before, &a->after);
	if (err)
		log_error("rule %s: cannot write the maps: %s", policy_default_rule,
			  strerror(-err));
	return err;
}

/* ---- one interface -------------------------------------------------------- */

static int attach_target(struct attach *a, struct target *target)
{
	const struct iface_wish wish = {
		.roles = a->request->divert_only ? TPROXY_ROLE_DIVERT : TPROXY_ROLE_POLICY,
		.mask = iface_active_rules(&a->after),
		.hook = a->request->hook,
	};
	int err = iface_forget_stale(a->session, &target->device);

	target->touched = true;
	return err ? err : iface_on(a->session, &target->device, &wish);
}

/* ---- the whole ------------------------------------------------------------ */

static void undo(struct attach *a)
{
	struct session *session = a->session;

	if (session->dry_run)
		return;
	if (a->created) {
		iface_everything_off(session);
		return;
	}
	for (size_t i = 0; i < a->n; i++) {
		struct target *target = &a->targets[i];
		struct live_iface iface = { .ifindex = (__u32)target->device.ifindex };

		if (!target->touched)
			continue;
		if (target->was_attached)
			live_iface_set(&session->state, iface.ifindex, &target->before);
		else if (!live_iface_get(&session->state, iface.ifindex, &iface.value))
			iface_off(session, &iface);
	}
	if (a->policy_changed)
		live_change_policy(&session->state, &a->after, &a->before);
}

static bool uses_relay(const struct policy *policy)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule->used && rule->action == TPROXY_ACTION_PROXY && !rule->proxy.port)
			return true;
	}
	return false;
}

static bool relay_is_there(const struct session *session)
{
	return live_slot_cookie(&session->state, TPROXY_SLOT(0, TPROXY_TCP4, 0)) ||
	       live_slot_cookie(&session->state, TPROXY_SLOT(0, TPROXY_TCP6, 0));
}

/* A relay that runs already registers as soon as the pins appear; give it the moment it needs. */
static void wait_for_relay(struct attach *a)
{
	static const struct timespec ms = { .tv_nsec = 1000 * 1000 };
	const char *otherwise = "dropped (--on-down)";

	if (a->session->dry_run || !uses_relay(&a->after))
		return;
	for (int i = 0; i < (a->created ? RELAY_WAIT_MS : 1); i++) {
		if (relay_is_there(a->session))
			return;
		nanosleep(&ms, NULL);
	}
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (a->after.rules[i].used && a->after.rules[i].on_down == TPROXY_ON_DOWN_PASS)
			otherwise = "treated as --on-down says";
	log_warn("no relay is registered: until tproxy-relay runs, new flows are %s", otherwise);
}

static int read_before(struct attach *a)
{
	int err = 0;

	if (a->session->dry_run && a->session->state.map[MAP_RULES] < 0)
		return 0;
	for (size_t i = 0; i < a->n; i++) {
		struct target *target = &a->targets[i];

		target->was_attached = !live_iface_get(&a->session->state,
						       (__u32)target->device.ifindex,
						       &target->before);
	}
	err = live_read_policy(&a->session->state, &a->before);
	if (err)
		log_error("%s: cannot read the policy: %s", a->session->state.dir, strerror(-err));
	return err;
}

static int attach_all(struct attach *a, bool present)
{
	int err = setup_state(a->session, &a->request->setup, present, &a->created);

	if (!err)
		err = read_before(a);
	if (!err) {
		err = plan_policy(a);
		if (err)
			log_error("rule %s: %s", policy_default_rule,
				  err == -ENOSPC ? "all 64 rules are in use (delete one)" :
						   strerror(-err));
	}
	if (!err)
		learn(a);
	if (!err)
		err = change_policy(a);
	if (!err)
		err = steps_lookup_on(a->session);
	if (!err)
		wait_for_relay(a);
	for (size_t i = 0; i < a->n && !err; i++)
		err = attach_target(a, &a->targets[i]);
	/* After all of them: what one does not cover, another may. */
	for (size_t i = 0; i < a->n && !err; i++)
		if (!a->targets[i].was_attached)
			caveat_warn(a->session, &a->targets[i].device);
	return err;
}

static void report(const struct attach *a)
{
	if (a->request->divert_only || iface_active_rules(&a->after))
		return;
	log_info("attached, but no rule says what to intercept (tproxy-loader rule add NAME --port "
		 "22, or attach IF --port 22)");
}

static int attach(struct app *app, const struct request *request)
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
	policy_free(&a.before);
	policy_free(&a.after);
	return err ? EXIT_FAILED : EXIT_DONE;
}

int cmd_attach(struct app *app, int argc, char **argv)
{
	struct request request = { .learn = CONFIG_LEARN_DEFAULT_S };
	int code = parse_request(app, argc, argv, &request);

	if (!code)
		code = app_enter(app) ? attach(app, &request) : EXIT_FAILED;
	rule_options_free(&request.rule);
	return code;
}
