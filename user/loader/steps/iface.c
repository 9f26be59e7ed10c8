/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/iface.h"

#include <string.h>

#include "kernel/events/report.h"
#include "kernel/hook/clsact.h"
#include "kernel/hook/tcx.h"
#include "loader/steps/answers.h"
#include "loader/steps/own/own.h"
#include "loader/steps/reset_flows.h"
#include "loader/steps/routing/steps_route.h"

bool iface_is_there(struct session *session, const struct iface_entry *iface,
		    struct device *ret_device)
{
	struct device device;

	if (device_by_index(&session->nl, (int)iface->ifindex, &device) ||
	    (strcmp(device.name, (const char *)iface->value.name) &&
	     steps_hook_present(session, device.ifindex) == HOOK_NONE))
		return false;
	*ret_device = device;
	return true;
}

bool iface_is_attached(const struct session *session, int ifindex)
{
	struct tproxy_iface entry;

	return session->state.map[MAP_IFACES] >= 0 &&
	       !policy_maps_iface_get(&session->state, (__u32)ifindex, &entry);
}

int iface_inherit_after(struct session *session, __u32 from, __u32 to)
{
	struct after after;

	after_read(&session->state, from, &after);
	return after.n ? after_write(&session->state, to, &after) : 0;
}

/* ---- on ----------------------------------------------------------------- */

/* The entry may belong to another device, which had the number before: it is removed then. */
static void read_entry(struct session *session, const struct device *device, enum hook present,
		       struct tproxy_iface *ret_entry)
{
	__u32 ifindex = (__u32)device->ifindex;
	struct iface_entry old = { .ifindex = ifindex };

	*ret_entry = (struct tproxy_iface){ 0 };
	if (policy_maps_iface_get(&session->state, ifindex, &old.value))
		return;
	if (!strcmp((const char *)old.value.name, device->name) || present != HOOK_NONE)
		*ret_entry = old.value;
	else
		iface_off(session, &old);
}

static int write_entry(struct session *session, const struct device *device,
		       const struct iface_want *want, enum hook hook, enum hook present)
{
	struct tproxy_iface entry;
	int err;

	if (session->dry_run)
		return 0;
	read_entry(session, device, present, &entry);
	snprintf((char *)entry.name, sizeof(entry.name), "%s", device->name);
	entry.vrf = (__u32)device_vrf(device);
	entry.roles |= want->roles;
	entry.roles &= ~(__u32)TPROXY_ROLE_DRAINING;
	if (entry.roles & TPROXY_ROLE_POLICY) {
		err = policy_maps_rules_on(&session->state, device->name, want->mask, &entry.mask);
		if (err)
			log_error("%s: cannot read its rules: %s", device->name, strerror(-err));
		if (err)
			return err;
	}
	if (hook == HOOK_CLSACT && !clsact_present(&session->nl, device->ifindex))
		entry.roles |= TPROXY_ROLE_MADE_QDISC;
	err = policy_maps_iface_set(&session->state, (__u32)device->ifindex, &entry);
	if (err)
		log_error("%s: cannot write its entry: %s", device->name, strerror(-err));
	return err;
}

static int find_place(struct session *session, int ifindex, enum hook hook, bool follow,
		      struct hook_place *ret_place)
{
	struct hook_site site;
	struct after after;

	steps_site(session, ifindex, &site);
	after_read(&session->state, (__u32)ifindex, &after);
	return chain_place(&site, hook, &after, follow, ret_place);
}

bool iface_is_out_of_place(struct session *session, int ifindex)
{
	enum hook hook = steps_hook_present(session, ifindex);
	struct hook_place place;

	return hook != HOOK_NONE && !find_place(session, ifindex, hook, false, &place) &&
	       place.move;
}

bool iface_chain(struct session *session, const struct device *device, struct chain *ret_chain)
{
	enum hook hook = steps_hook_present(session, device->ifindex);
	struct hook_site site;
	struct after after;

	if (hook == HOOK_NONE)
		return false;
	steps_site(session, device->ifindex, &site);
	after_read(&session->state, (__u32)device->ifindex, &after);
	chain_read(&site, device, hook, &after, ret_chain);
	return true;
}

/* Without a gap: first the new program, then the one of the other hook goes. */
static int move_hook(struct session *session, const struct device *device, enum hook hook,
		     enum hook present, bool follow)
{
	struct hook_place place;
	int err = find_place(session, device->ifindex, hook, follow, &place);

	if (err) {
		log_error("%s: cannot find a place for our program: %s (tc filter show dev %s "
			  "ingress)",
			  device->name, strerror(-err), device->name);
		return err;
	}
	if (hook == present && !place.move)
		return 0;
	err = steps_hook_on(session, device, hook, &place);
	if (!err && present != HOOK_NONE && present != hook)
		err = steps_hook_off(session, device->ifindex, device->name, present);
	return err;
}

int iface_on(struct session *session, const struct device *device, const struct iface_want *want)
{
	enum hook present = steps_hook_present(session, device->ifindex);
	enum hook hook = want->hook;
	int err;

	if (hook == HOOK_NONE)
		hook = present;
	if (hook == HOOK_NONE)
		hook = tcx_supported() ? HOOK_TCX : HOOK_CLSACT;
	err = write_entry(session, device, want, hook, present);
	if (!err)
		err = steps_route_on(session, device);
	if (!err)
		err = answers_on_iface(session, device, hook);
	if (!err)
		err = move_hook(session, device, hook, present, want->follow);
	if (!err && present == HOOK_NONE && !session->dry_run)
		event_report_iface(&session->state, TPROXY_EVENT_ATTACHED, (__u32)device->ifindex,
				   device->name);
	return err;
}

/* ---- off ---------------------------------------------------------------- */

int iface_own_off(struct session *session)
{
	int err = own_hooks_off(session);

	if (err)
		return err;
	reset_flows(session, OWN_IFINDEX, "lo");
	return own_rest_off(session);
}

static int device_off(struct session *session, const struct iface_entry *iface)
{
	const char *name = (const char *)iface->value.name;
	int ifindex = (int)iface->ifindex;
	struct device device;
	bool there = iface_is_there(session, iface, &device);
	enum hook hook;
	int err;

	/* An interrupted change leaves both hooks; the last turn removes the pin of a dead link. */
	do {
		hook = steps_hook_present(session, ifindex);
		err = steps_hook_off(session, ifindex, name, hook);
	} while (!err && hook != HOOK_NONE && !session->dry_run);
	if (!err)
		err = answers_off(session, ifindex, name);
	if (!err && there)
		reset_flows(session, ifindex, name);
	if (!err && there && (iface->value.roles & TPROXY_ROLE_MADE_QDISC))
		err = steps_qdisc_off(session, ifindex, name);
	if (!err)
		err = steps_route_off(session, ifindex);
	if (err || session->dry_run)
		return err;
	after_forget(&session->state, iface->ifindex);
	err = policy_maps_iface_del(&session->state, iface->ifindex);
	if (err)
		log_error("%s: cannot remove its entry: %s", name, strerror(-err));
	else
		event_report_iface(&session->state, TPROXY_EVENT_DETACHED, iface->ifindex, name);
	return err;
}

int iface_off(struct session *session, const struct iface_entry *iface)
{
	return iface->value.roles & TPROXY_ROLE_LOCAL ? iface_own_off(session) :
							device_off(session, iface);
}

int iface_forget_stale(struct session *session, const struct device *device)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err;

	if (session->dry_run)
		return 0;
	err = session_ifaces(session, &ifaces, &n);
	for (size_t i = 0; i < n && !err; i++) {
		if (strcmp((const char *)ifaces[i].value.name, device->name) ||
		    (int)ifaces[i].ifindex == device->ifindex)
			continue;
		log_step("forget %s, which had ifindex %u", device->name, ifaces[i].ifindex);
		err = iface_inherit_after(session, ifaces[i].ifindex, (__u32)device->ifindex);
		if (!err)
			err = iface_off(session, &ifaces[i]);
	}
	return err;
}

static bool has_devices(const struct iface_entry *ifaces, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(ifaces[i].value.roles & TPROXY_ROLE_LOCAL))
			return true;
	return false;
}

int iface_last_off(struct session *session)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err = session_ifaces(session, &ifaces, &n);

	if (err || session->dry_run || has_devices(ifaces, n))
		return err;
	/* Own traffic needs the look-up program, too. */
	err = n ? 0 : steps_lookup_off(session);
	return err ? err : steps_routes_off(session);
}

int iface_everything_off(struct session *session)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int result = session_ifaces(session, &ifaces, &n);

	if (own_is_there(session))
		result = first_error(result, iface_own_off(session));
	for (size_t i = 0; i < n; i++)
		if (!(ifaces[i].value.roles & TPROXY_ROLE_LOCAL))
			result = first_error(result, device_off(session, &ifaces[i]));
	result = first_error(result, steps_lookup_off(session));
	result = first_error(result, steps_routes_off(session));
	/* What could not be detached now can be removed later only with the pins. */
	return result ? result : steps_remove_state(session);
}
