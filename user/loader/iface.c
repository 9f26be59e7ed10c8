/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/iface.h"

#include <string.h>

#include "loader/sever.h"

tproxy_mask iface_active_rules(const struct policy *policy)
{
	tproxy_mask mask = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (policy->rules[i].used)
			mask |= 1ULL << i;
	return mask;
}

static enum hook present_hook(const struct session *session, int ifindex)
{
	char path[STATE_PATH_LEN];

	if (session->dry_run && session->state.map[MAP_IFACES] < 0)
		return HOOK_NONE;
	return hook_present(ifindex, state_link_path(&session->state, ifindex, path));
}

static int write_entry(struct session *session, const struct device *device,
		       const struct iface_wish *wish, enum hook hook)
{
	struct tproxy_iface entry = { 0 };
	int err;

	if (session->dry_run)
		return 0;
	live_iface_get(&session->state, (__u32)device->ifindex, &entry);
	snprintf((char *)entry.name, sizeof(entry.name), "%s", device->name);
	entry.vrf = (__u32)device_vrf(device);
	entry.roles |= wish->roles;
	entry.roles &= ~(__u32)TPROXY_ROLE_DRAINING;
	if (entry.roles & TPROXY_ROLE_POLICY) {
		err = live_rules_on(&session->state, device->name, wish->mask, &entry.mask);
		if (err)
			log_error("%s: cannot read its rules: %s", device->name, strerror(-err));
		if (err)
			return err;
	}
	if (hook == HOOK_CLSACT && !hook_qdisc_present(&session->nl, device->ifindex))
		entry.roles |= TPROXY_ROLE_MADE_QDISC;
	err = live_iface_set(&session->state, (__u32)device->ifindex, &entry);
	if (err)
		log_error("%s: cannot write its entry: %s", device->name, strerror(-err));
	return err;
}

/* The new program first, then the other hook's: never neither. */
static int move_hook(struct session *session, const struct device *device, enum hook hook,
		     enum hook present)
{
	int err;

	if (hook == present)
		return 0;
	err = steps_hook_on(session, device, hook);
	if (!err && present != HOOK_NONE)
		err = steps_hook_off(session, device->ifindex, device->name, present);
	return err;
}

int iface_on(struct session *session, const struct device *device, const struct iface_wish *wish)
{
	enum hook present = present_hook(session, device->ifindex);
	enum hook hook = wish->hook;
	int err;

	if (hook == HOOK_NONE)
		hook = present;
	if (hook == HOOK_NONE)
		hook = hook_tcx_supported() ? HOOK_TCX : HOOK_CLSACT;
	err = write_entry(session, device, wish, hook);
	if (!err)
		err = steps_route_on(session, device);
	return err ? err : move_hook(session, device, hook, present);
}

int iface_off(struct session *session, const struct live_iface *iface)
{
	const char *name = (const char *)iface->value.name;
	int ifindex = (int)iface->ifindex;
	enum hook hook;
	int err;

	/* An interrupted change of the hook leaves both; the last turn removes a dead link's pin. */
	do {
		hook = present_hook(session, ifindex);
		err = steps_hook_off(session, ifindex, name, hook);
	} while (!err && hook != HOOK_NONE && !session->dry_run);
	if (!err)
		sever_flows(session, ifindex, name);
	if (!err && (iface->value.roles & TPROXY_ROLE_MADE_QDISC))
		err = steps_qdisc_off(session, ifindex, name);
	if (!err)
		err = steps_route_off(session, ifindex);
	if (err || session->dry_run)
		return err;
	err = live_iface_del(&session->state, iface->ifindex);
	if (err)
		log_error("%s: cannot remove its entry: %s", name, strerror(-err));
	return err;
}

int iface_forget_stale(struct session *session, const struct device *device)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	size_t n = 0;
	int err;

	if (session->dry_run)
		return 0;
	err = live_ifaces(&session->state, &ifaces, &n);
	for (size_t i = 0; i < n && !err; i++) {
		if (strcmp((const char *)ifaces[i].value.name, device->name) ||
		    (int)ifaces[i].ifindex == device->ifindex)
			continue;
		log_step("forget the %s that was ifindex %u", device->name, ifaces[i].ifindex);
		err = iface_off(session, &ifaces[i]);
	}
	return err;
}

int iface_last_off(struct session *session)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	size_t n = 0;
	int err = live_ifaces(&session->state, &ifaces, &n);

	if (err || n || session->dry_run)
		return err;
	err = steps_lookup_off(session);
	return err ? err : steps_routes_off(session);
}

int iface_everything_off(struct session *session)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	size_t n = 0;
	int err, result = live_ifaces(&session->state, &ifaces, &n);

	for (size_t i = 0; i < n; i++) {
		err = iface_off(session, &ifaces[i]);
		result = result ? result : err;
	}
	err = steps_lookup_off(session);
	result = result ? result : err;
	err = steps_routes_off(session);
	result = result ? result : err;
	/* With something still attached the pins are the only way to remove it later. */
	return result ? result : steps_remove_state(session);
}
