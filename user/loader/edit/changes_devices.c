/* SPDX-License-Identifier: BSD-2-Clause */
/* Attached interfaces and their roles, compared with those that a configuration names. */
#include <string.h>

#include "kernel/maps/policy_maps.h"
#include "lib/device.h"
#include "loader/edit/changes.h"

#define LINE_LEN 192

struct comparison {
	struct changes *changes;
	struct session *session;
	const struct config *config;
	enum changes_view view;
	struct iface_entry *ifaces; /* owned by changes_of_devices */
	size_t n;
};

struct role {
	__u32 flag;
	const char *name;
};
static const struct role roles[] = { { TPROXY_ROLE_POLICY, "policy" },
				     { TPROXY_ROLE_DIVERT, "divert" },
				     { TPROXY_ROLE_LOCAL, "local" } };

static bool names(const struct config *config, const struct role *role, const char *ifname)
{
	if (role->flag == TPROXY_ROLE_LOCAL)
		return config->local && !strcmp(ifname, "lo");
	return strcmp(ifname, "lo") &&
	       name_set_matches(role->flag == TPROXY_ROLE_POLICY ? &config->interfaces :
								   &config->divert,
				ifname);
}

static const struct iface_entry *entry_of(const struct comparison *c, int ifindex)
{
	for (size_t i = 0; i < c->n; i++)
		if ((int)c->ifaces[i].ifindex == ifindex &&
		    !(c->ifaces[i].value.roles & TPROXY_ROLE_DRAINING))
			return &c->ifaces[i];
	return NULL;
}

static void take(const struct comparison *c, const char *change, const char *ifname,
		 const struct role *role, const char *line)
{
	const struct change_item item = { .change = change,
					  .what = "interface",
					  .name = ifname,
					  .role = role->name,
					  .line = line };

	changes_take(c->changes, &item);
}

/* The file names a role that the device does not have. */
static void take_missing(const struct comparison *c, const struct device *device,
			 const struct role *role, bool attached)
{
	bool since = c->view == CHANGES_SINCE;
	char line[LINE_LEN];

	if (attached) {
		snprintf(line, sizeof(line), "interface %s: %c role %s", device->name,
			 since ? '-' : '+', role->name);
		take(c, since ? "role_gone" : "role", device->name, role, line);
		return;
	}
	snprintf(line, sizeof(line), "%c interface %s (%s)", since ? '-' : '+', device->name,
		 role->name);
	take(c, since ? "interface_gone" : "interface_new", device->name, role, line);
}

static int compare_device(const struct device *device, void *arg)
{
	const struct comparison *c = arg;
	const struct iface_entry *entry = entry_of(c, device->ifindex);
	int instead;

	if (strcmp(device->name, "lo") && device_refusal(device, &instead))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		if (names(c->config, &roles[i], device->name) &&
		    !(entry && (entry->value.roles & roles[i].flag)))
			take_missing(c, device, &roles[i], entry);
	return 0;
}

/* An attached interface has a role that the file does not give it. */
static void take_extra(const struct comparison *c, const char *ifname, const struct role *role)
{
	char line[LINE_LEN];

	if (c->view == CHANGES_SINCE) {
		snprintf(line, sizeof(line), "+ interface %s (%s)", ifname, role->name);
		take(c, "interface_new", ifname, role, line);
		return;
	}
	snprintf(line, sizeof(line),
		 "interface %s (%s): attached, but not in the file: stays attached "
		 "(tproxy-loader detach %s)",
		 ifname, role->name, role->flag == TPROXY_ROLE_LOCAL ? "--local" : ifname);
	take(c, "interface_extra", ifname, role, line);
}

static void compare_entry(const struct comparison *c, const struct iface_entry *iface)
{
	const char *ifname = (const char *)iface->value.name;

	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		if ((iface->value.roles & roles[i].flag) && !names(c->config, &roles[i], ifname))
			take_extra(c, ifname, &roles[i]);
}

int changes_of_devices(struct changes *changes, struct session *session,
		       const struct config *config, enum changes_view view)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	struct comparison c = { changes, session, config, view, NULL, 0 };
	int err;

	if (!config->interfaces.n && !config->divert.n && !config->local)
		return 0;
	err = policy_maps_ifaces(&session->state, &ifaces, &c.n);
	c.ifaces = ifaces;
	if (!err)
		err = device_walk(&session->nl, compare_device, &c);
	for (size_t i = 0; i < c.n && !err && view != CHANGES_BY_APPLY; i++)
		compare_entry(&c, &ifaces[i]);
	return err;
}
