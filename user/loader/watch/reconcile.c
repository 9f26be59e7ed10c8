/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/watch/reconcile.h"

#include <fnmatch.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/events/report.h"
#include "loader/steps/answers.h"
#include "loader/steps/own/own.h"
#include "loader/steps/routing/routing.h"
#include "loader/steps/routing/steps_route.h"

const char *const repair_names[REPAIR_MAX] = {
	[REPAIR_ATTACHED] = "attached",
	[REPAIR_DEVICE] = "device",
	[REPAIR_PROGRAM] = "program",
	[REPAIR_ROUTING] = "routing",
	[REPAIR_RULE_ORDER] = "rule order",
	[REPAIR_LOOKUP] = "sk_lookup",
	[REPAIR_LEFT] = "detached in the network namespace it left for",
	[REPAIR_SOURCE] = "source address",
	[REPAIR_ORDER] = "order",
};

/* ---- one attached interface --------------------------------------------- */

/* Both families of one interface. */
struct iface_routing {
	bool complete;          /* rule and route are there, in both families */
	bool misplaced;         /* a rule of ours should move */
	bool early;             /* because another one may decide before it */
	struct route_rule rule; /* that one */
};

static void read_family(struct session *session, __u8 family, const struct device *device,
			struct iface_routing *found)
{
	struct routing routing __cleanup_routing = { 0 };

	if (routing_read(session, family, device, &routing) || !routing_is_complete(&routing)) {
		found->complete = false;
		return;
	}
	found->misplaced |= routing_is_misplaced(&routing);
	if (routing.earlier == RULE_NEVER)
		return;
	found->early = true;
	found->rule = routing.worst;
}

static struct iface_routing read_routing(struct session *session, const struct iface_entry *iface,
					 const struct device *device)
{
	struct iface_routing found = {
		.complete = (int)iface->value.vrf == device_vrf(device),
	};

	for (size_t i = 0; i < ROUTE_FAMILIES; i++)
		if (steps_family_wanted(route_families[i], device->name))
			read_family(session, route_families[i], device, &found);
	return found;
}

static void repaired(const struct reconcile *r, enum repair what, const char *ifname)
{
	event_report_iface(&r->session->state, TPROXY_EVENT_REPAIRED, if_nametoindex(ifname),
			   what == REPAIR_LEFT ? "left for another namespace" : repair_names[what]);
	r->repaired(what, ifname, r->arg);
}

static int switch_on(const struct reconcile *r, const struct device *device,
		     const struct iface_entry *as, enum repair what)
{
	const struct iface_want want = {
		.roles = as->value.roles & (TPROXY_ROLE_POLICY | TPROXY_ROLE_DIVERT),
		.mask = as->value.mask,
	};
	int err = iface_on(r->session, device, &want);

	if (!err)
		repaired(r, what, device->name);
	return err;
}

/*
 * Attaches the new device first, as the old one is gone anyway. But a device that left and came
 * back with another number still has our link.
 */
static int move_to(const struct reconcile *r, const struct iface_entry *iface,
		   const struct device *device)
{
	const char *name = (const char *)iface->value.name;
	int ifindex = (int)iface->ifindex;
	int err = 0;

	if (steps_hook_present(r->session, ifindex) == HOOK_NONE)
		err = steps_hook_off(r->session, ifindex, name, HOOK_NONE);
	if (!err)
		err = iface_inherit_after(r->session, iface->ifindex, (__u32)device->ifindex);
	if (!err)
		err = switch_on(r, device, iface, REPAIR_DEVICE);
	return err ? err : iface_off(r->session, iface);
}

/* The device is in another namespace now, where its packets must not meet our program. */
static int leave_elsewhere(const struct reconcile *r, const struct iface_entry *iface)
{
	const char *name = (const char *)iface->value.name;
	int err = 0;

	if (!steps_moved_away(r->session, (int)iface->ifindex))
		return 0;
	err = steps_hook_off(r->session, (int)iface->ifindex, name, HOOK_NONE);
	if (!err)
		repaired(r, REPAIR_LEFT, name);
	return err;
}

static int not_there(const struct reconcile *r, const struct iface_entry *iface)
{
	const char *name = (const char *)iface->value.name;
	struct device device;
	int err = leave_elsewhere(r, iface);

	if (err || device_by_name(&r->session->nl, name, &device))
		return err;
	return (int)iface->ifindex == device.ifindex ?
		       switch_on(r, &device, iface, REPAIR_PROGRAM) :
		       move_to(r, iface, &device);
}

/* ---- the order of programs ---------------------------------------------- */

static void report_given_up(const struct reconcile *r, const struct device *device)
{
	const struct chain_program *program = NULL;
	struct chain chain;
	char text[128];

	if (iface_chain(r->session, device, &chain))
		program = chain_unknown(&chain);
	if (program)
		r->gave_up(device->name, chain_text(program, text, sizeof(text)), r->arg);
}

static int keep_place(const struct reconcile *r, const struct iface_entry *iface,
		      const struct device *device)
{
	struct retry *retry = retry_of(r->retry, iface->ifindex);

	if (!iface_is_out_of_place(r->session, device->ifindex)) {
		retry_reset(retry);
		return 0;
	}
	switch (retry_ask(retry, monotonic_ms())) {
	case RETRY_NOW:
		return switch_on(r, device, iface, REPAIR_ORDER);
	case RETRY_GIVE_UP:
		report_given_up(r, device);
		return 0;
	default:
		return 0;
	}
}

/* ---- all of one attached interface -------------------------------------- */

/* The same device with another name, or in another VRF: its old rules are removed. */
static int changed(const struct reconcile *r, const struct iface_entry *iface,
		   const struct device *device, enum repair what)
{
	int err = switch_on(r, device, iface, what);

	return err ? err : steps_route_off(r->session, 0);
}

/* Our rule moves back only after a while: a rule that was removed may be added again. */
static int check_order(const struct reconcile *r, const struct iface_entry *iface,
		       const struct device *device, const struct iface_routing *found)
{
	if (found->early)
		rulefight_see(r->fight, device->name, &found->rule);
	if (!found->misplaced || rulefight_holds(r->fight) ||
	    (!found->early && !rulefight_is_calm(r->fight)))
		return 0;
	rulefight_move(r->fight);
	return changed(r, iface, device, REPAIR_RULE_ORDER);
}

static int check_routing(const struct reconcile *r, const struct iface_entry *iface,
			 const struct device *device)
{
	const struct iface_routing found = read_routing(r->session, iface, device);

	if (!found.complete)
		return changed(r, iface, device, REPAIR_ROUTING);
	return check_order(r, iface, device, &found);
}

static int check_iface(const struct reconcile *r, const struct iface_entry *iface)
{
	const char *name = (const char *)iface->value.name;
	struct session *session = r->session;
	struct device device;
	int err;

	if (!iface_is_there(session, iface, &device))
		return not_there(r, iface);
	if (strcmp(device.name, name))
		return changed(r, iface, &device, REPAIR_DEVICE);
	if (steps_hook_present(session, device.ifindex) == HOOK_NONE)
		return switch_on(r, &device, iface, REPAIR_PROGRAM);
	if (answers_present(session, device.ifindex) == HOOK_NONE &&
	    answers_wanted(session, &iface->value))
		return switch_on(r, &device, iface, REPAIR_PROGRAM);
	err = check_routing(r, iface, &device);
	return err ? err : keep_place(r, iface, &device);
}

/* ---- own traffic -------------------------------------------------------- */

static void report_parts(const struct reconcile *r, unsigned int parts)
{
	if (parts & (OWN_PART_PROGRAMS | OWN_PART_LO | OWN_PART_HOOKS))
		repaired(r, REPAIR_PROGRAM, "lo");
	if (parts & (OWN_PART_RULES | OWN_PART_ROUTES))
		repaired(r, REPAIR_ROUTING, "lo");
	if (parts & OWN_PART_SOURCE)
		repaired(r, REPAIR_SOURCE, "lo");
	if (parts & OWN_PART_RULES)
		rulefight_move(r->fight);
}

static int check_own(const struct reconcile *r, const struct iface_entry *iface)
{
	const struct own_want want = { .quiet = true, .proxies = r->proxies };
	unsigned int parts;
	int err;

	if (iface->value.roles & TPROXY_ROLE_DRAINING)
		return 0;
	err = own_on(r->session, &want, &parts);
	report_parts(r, parts);
	return err;
}

/* ---- patterns ----------------------------------------------------------- */

struct pattern_walk {
	const struct reconcile *r;
	tproxy_mask mask;
	int err;
};

static bool matches(const struct reconcile *r, const char *ifname)
{
	for (size_t i = 0; i < r->n_patterns; i++)
		if (!fnmatch(r->patterns[i], ifname, 0))
			return true;
	return false;
}

static int attach_if_wanted(const struct device *device, void *arg)
{
	struct pattern_walk *walk = arg;
	const struct reconcile *r = walk->r;
	const struct iface_entry new = {
		.value = { .roles = TPROXY_ROLE_POLICY, .mask = walk->mask },
	};
	struct tproxy_iface entry;
	int instead, err;

	if (!matches(r, device->name) || device_refusal(device, &instead) ||
	    !policy_maps_iface_get(&r->session->state, (__u32)device->ifindex, &entry))
		return 0;
	err = switch_on(r, device, &new, REPAIR_ATTACHED);
	walk->err = first_error(walk->err, err);
	return 0;
}

static int check_patterns(const struct reconcile *r)
{
	struct pattern_walk walk = { .r = r };
	struct policy policy __cleanup_policy = { 0 };
	int err;

	if (!r->n_patterns)
		return 0;
	err = policy_maps_read(&r->session->state, &policy);
	if (err) {
		log_error("%s: cannot read the policy: %s", r->session->state.dir, strerror(-err));
		return err;
	}
	walk.mask = policy_used_rules(&policy);
	err = session_walk_devices(r->session, attach_if_wanted, &walk);
	return err ? err : walk.err;
}

/* ---- the whole ---------------------------------------------------------- */

static int check_lookup(const struct reconcile *r)
{
	int err;

	if (hook_lookup_present(&r->session->state))
		return 0;
	err = steps_lookup_on(r->session);
	if (!err)
		repaired(r, REPAIR_LOOKUP, "");
	return err;
}

static void end_pass(const struct reconcile *r)
{
	enum rulefight_news news = rulefight_end_pass(r->fight);

	if (news != RULEFIGHT_NO_NEWS)
		r->fought(r->fight, news == RULEFIGHT_ENDS, r->arg);
}

int reconcile(const struct reconcile *r)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int result;

	r->session->hold_rules = rulefight_holds(r->fight);
	result = session_ifaces(r->session, &ifaces, &n);

	for (size_t i = 0; i < n; i++)
		result = first_error(result, ifaces[i].value.roles & TPROXY_ROLE_LOCAL ?
						     check_own(r, &ifaces[i]) :
						     check_iface(r, &ifaces[i]));
	result = first_error(result, check_patterns(r));
	if (n || r->n_patterns)
		result = first_error(result, check_lookup(r));
	end_pass(r);
	return result;
}
