/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/apply_devices.h"

#include <string.h>

#include "loader/steps/iface.h"

struct walk {
	struct session *session;
	const struct name_set *names;
	__u32 role;
	tproxy_mask mask;
	struct apply_devices *devices;
	int err;
};

/* A device that cannot be served is an error if it is named in full; if a glob matches, skipped. */
static int check_device(const struct device *device, void *arg)
{
	struct walk *w = arg;
	const char *why;
	int instead;

	for (size_t i = 0; i < w->names->n; i++) {
		if (strcmp(w->names->items[i], device->name))
			continue;
		why = device_refusal(device, &instead);
		if (!why)
			return 0;
		log_error("%s: %s (name another interface)", device->name, why);
		w->err = -EOPNOTSUPP;
	}
	return 0;
}

static int collect_device(const struct device *device, void *arg)
{
	struct walk *w = arg;
	struct apply_devices *d = w->devices;
	int instead;

	if (w->role != TPROXY_ROLE_POLICY || !name_set_matches(w->names, device->name) ||
	    device_refusal(device, &instead))
		return 0;
	w->err = array_room((void **)&d->items, d->n, &d->room, sizeof(*d->items));
	if (!w->err)
		d->items[d->n++] = *device;
	return w->err;
}

static int attach_device(const struct device *device, void *arg)
{
	struct walk *w = arg;
	const struct iface_want want = { .roles = w->role, .mask = w->mask };
	struct tproxy_iface entry = { 0 };
	int instead;

	if (w->err || !name_set_matches(w->names, device->name) || device_refusal(device, &instead))
		return 0;
	policy_maps_iface_get(&w->session->state, (__u32)device->ifindex, &entry);
	if ((entry.roles & w->role) && !(entry.roles & TPROXY_ROLE_DRAINING))
		return 0;
	w->err = iface_forget_stale(w->session, device);
	if (!w->err)
		w->err = iface_on(w->session, device, &want);
	return 0;
}

static int walk_devices(struct session *session, const struct config *config,
			int (*fn)(const struct device *device, void *arg),
			struct apply_devices *devices)
{
	struct walk w = { .session = session,
			  .devices = devices,
			  .names = &config->interfaces,
			  .role = TPROXY_ROLE_POLICY,
			  .mask = policy_used_rules(&config->policy) };
	int err = session_walk_devices(session, fn, &w);

	w.names = &config->divert;
	w.role = TPROXY_ROLE_DIVERT;
	if (!err && !w.err)
		err = session_walk_devices(session, fn, &w);
	return err ? err : w.err;
}

void apply_report_absent(struct session *session, const struct name_set *names)
{
	struct device device;

	for (size_t i = 0; i < names->n; i++)
		if (!strpbrk(names->items[i], "*?[") &&
		    device_by_name(&session->nl, names->items[i], &device) == -ENODEV)
			log_info("%s: no such interface yet (tproxy-loader watch --config attaches "
				 "it when it comes)",
				 names->items[i]);
}

int apply_check_devices(struct session *session, const struct config *config)
{
	return walk_devices(session, config, check_device, NULL);
}

int apply_collect_devices(struct session *session, const struct config *config,
			  struct apply_devices *devices)
{
	return walk_devices(session, config, collect_device, devices);
}

int apply_interfaces(struct session *session, const struct config *config)
{
	return walk_devices(session, config, attach_device, NULL);
}
