/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/reconcile.h"

#include <fnmatch.h>
#include <string.h>
#include <sys/socket.h>

const char *const repair_names[REPAIR_MAX] = {
	[REPAIR_ATTACHED] = "attached",
	[REPAIR_DEVICE] = "device",
	[REPAIR_PROGRAM] = "program",
	[REPAIR_ROUTING] = "routing",
	[REPAIR_LOOKUP] = "sk_lookup",
};

/* ---- one attached interface ----------------------------------------------- */

static bool routing_is_whole(struct session *session, const struct live_iface *iface,
			     const struct device *device)
{
	static const __u8 families[] = { AF_INET, AF_INET6 };

	if ((int)iface->value.vrf != device_vrf(device))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (steps_family_wanted(families[i], device->name) &&
		    steps_routing(session, families[i], device) != ROUTING_OK)
			return false;
	return true;
}

static bool program_is_there(const struct session *session, int ifindex)
{
	char path[STATE_PATH_LEN];

	return hook_present(ifindex, state_link_path(&session->state, ifindex, path)) != HOOK_NONE;
}

static int switch_on(const struct reconcile *r, const struct device *device,
		     const struct live_iface *as, enum repair what)
{
	const struct iface_wish wish = {
		.roles = as->value.roles & (TPROXY_ROLE_POLICY | TPROXY_ROLE_DIVERT),
		.mask = as->value.mask,
	};
	int err = iface_on(r->session, device, &wish);

	if (!err)
		r->repaired(what, device->name, r->arg);
	return err;
}

/* The new device first: until then nothing is attached to it, and the old one is gone. */
static int move_to(const struct reconcile *r, const struct live_iface *iface,
		   const struct device *device)
{
	int err = switch_on(r, device, iface, REPAIR_DEVICE);

	return err || (int)iface->ifindex == device->ifindex ? err : iface_off(r->session, iface);
}

/* The same device under another name, or in another VRF: its former rules serve nobody. */
static int changed(const struct reconcile *r, const struct live_iface *iface,
		   const struct device *device, enum repair what)
{
	int err = switch_on(r, device, iface, what);

	return err ? err : steps_route_off(r->session, 0);
}

static int check_iface(const struct reconcile *r, const struct live_iface *iface)
{
	const char *name = (const char *)iface->value.name;
	struct session *session = r->session;
	struct device device;
	const char *why;
	int instead;

	if (device_by_index(&session->nl, (int)iface->ifindex, &device))
		return device_by_name(&session->nl, name, &device) ? 0 : move_to(r, iface, &device);
	if (strcmp(device.name, name))
		return changed(r, iface, &device, REPAIR_DEVICE);
	why = device_refusal(&device, &instead);
	if (why)
		r->lost(name, why, r->arg);
	if (!program_is_there(session, device.ifindex))
		return switch_on(r, &device, iface, REPAIR_PROGRAM);
	if (!routing_is_whole(session, iface, &device))
		return changed(r, iface, &device, REPAIR_ROUTING);
	return 0;
}

/* ---- patterns ------------------------------------------------------------- */

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
	const struct live_iface new = {
		.value = { .roles = TPROXY_ROLE_POLICY, .mask = walk->mask },
	};
	struct tproxy_iface entry;
	int instead, err;

	if (!matches(r, device->name) || device_refusal(device, &instead) ||
	    !live_iface_get(&r->session->state, (__u32)device->ifindex, &entry))
		return 0;
	err = switch_on(r, device, &new, REPAIR_ATTACHED);
	walk->err = walk->err ? walk->err : err;
	return 0;
}

static int check_patterns(const struct reconcile *r)
{
	struct pattern_walk walk = { .r = r };
	struct policy policy __cleanup_policy = { 0 };
	int err;

	if (!r->n_patterns)
		return 0;
	err = live_read_policy(&r->session->state, &policy);
	if (err) {
		log_error("%s: cannot read the policy: %s", r->session->state.dir, strerror(-err));
		return err;
	}
	walk.mask = iface_active_rules(&policy);
	err = device_walk(&r->session->nl, attach_if_wanted, &walk);
	return err ? err : walk.err;
}

/* ---- the whole ------------------------------------------------------------ */

static int check_lookup(const struct reconcile *r)
{
	struct state *state = &r->session->state;
	char path[STATE_PATH_LEN];
	int err;

	if (hook_lookup_present(state_lookup_path(state, path)))
		return 0;
	err = steps_lookup_on(r->session);
	if (!err)
		r->repaired(REPAIR_LOOKUP, "", r->arg);
	return err;
}

int reconcile(const struct reconcile *r)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	size_t n = 0;
	int err, result = live_ifaces(&r->session->state, &ifaces, &n);

	for (size_t i = 0; i < n; i++) {
		err = check_iface(r, &ifaces[i]);
		result = result ? result : err;
	}
	err = check_patterns(r);
	result = result ? result : err;
	if (n || r->n_patterns) {
		err = check_lookup(r);
		result = result ? result : err;
	}
	return result;
}
