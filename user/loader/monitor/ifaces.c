/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces that are attached, detached, deleted, or made again under their name. */
#include <net/if.h>
#include <string.h>

#include "lib/plain.h"
#include "loader/monitor/monitor.h"

/* A command reports it soon after the entry is there, or is gone: as many looks wait for that. */
#define PATIENCE 1

static struct monitored_iface *find(const struct monitoring *m, __u32 ifindex)
{
	for (size_t i = 0; i < m->n_ifaces; i++)
		if (m->ifaces[i].ifindex == ifindex)
			return &m->ifaces[i];
	return NULL;
}

/* Without memory it is reported at a later look. */
static struct monitored_iface *add(struct monitoring *m, __u32 ifindex, const char *name)
{
	struct monitored_iface *iface;

	if (array_room((void **)&m->ifaces, m->n_ifaces, &m->room, sizeof(*m->ifaces)))
		return NULL;
	iface = &m->ifaces[m->n_ifaces++];
	*iface = (struct monitored_iface){ .ifindex = ifindex };
	plain_text(name, TPROXY_IFNAME_LEN, iface->name, sizeof(iface->name));
	return iface;
}

static void forget(struct monitoring *m, struct monitored_iface *iface)
{
	*iface = m->ifaces[--m->n_ifaces];
}

static void say(struct monitoring *m, const struct monitored_iface *iface, const char *event,
		const char *what)
{
	struct json_object *detail = monitor_detail();

	monitor_add_text(detail, "interface", iface->name);
	monitor_say(&m->out, NULL, event, detail, "%s: %s", iface->name, what);
}

/* ---- what was heard ----------------------------------------------------- */

bool monitoring_iface_on(struct monitoring *m, __u32 ifindex, const char *name)
{
	struct monitored_iface *iface = find(m, ifindex);
	const bool fresh = !iface || !iface->said;

	if (!iface)
		iface = add(m, ifindex, name);
	if (iface)
		iface->said = true;
	return fresh;
}

void monitoring_iface_off(struct monitoring *m, __u32 ifindex)
{
	struct monitored_iface *iface = find(m, ifindex);

	if (iface)
		forget(m, iface);
}

char *monitoring_iface_name(const struct monitoring *m, __u32 ifindex, char *buf)
{
	const struct monitored_iface *iface = find(m, ifindex);
	char name[IF_NAMESIZE];

	if (iface)
		memcpy(buf, iface->name, TPROXY_IFNAME_LEN);
	else if (if_indextoname(ifindex, name))
		plain_text(name, sizeof(name), buf, TPROXY_IFNAME_LEN);
	else
		snprintf(buf, TPROXY_IFNAME_LEN, "%u", ifindex);
	return buf;
}

/* ---- a look ------------------------------------------------------------- */

static void look_at_device(struct monitoring *m, struct monitored_iface *iface)
{
	const enum iface_presence before = iface->presence;
	char name[IF_NAMESIZE];

	if (if_indextoname(iface->ifindex, name))
		iface->presence = IFACE_THERE;
	else
		iface->presence = if_nametoindex(iface->name) ? IFACE_BACK : IFACE_GONE;
	if (before == IFACE_THERE && iface->presence != IFACE_THERE)
		say(m, iface, "interface_gone", "the device is gone");
	if (before != IFACE_BACK && iface->presence == IFACE_BACK)
		say(m, iface, "interface_back",
		    "a device of this name is there again (tproxy-loader watch attaches it)");
	if (before != IFACE_THERE && iface->presence == IFACE_THERE)
		say(m, iface, "interface_back", "the device is there again");
}

static void take_entry(struct monitoring *m, const struct iface_entry *entry)
{
	const bool at_once = m->deaf || !m->looked;
	struct monitored_iface *iface = find(m, entry->ifindex);
	const bool fresh = !iface;

	if (fresh)
		iface = add(m, entry->ifindex, (const char *)entry->value.name);
	if (!iface)
		return;
	iface->seen = true;
	iface->missed = 0;
	if (!iface->said && (at_once || !fresh)) {
		iface->said = true;
		if (m->started)
			say(m, iface, "attached", "attached");
	}
}

static void look_for_missing(struct monitoring *m)
{
	for (size_t i = m->n_ifaces; i-- > 0;) {
		struct monitored_iface *iface = &m->ifaces[i];

		if (iface->seen || (!m->deaf && iface->missed++ < PATIENCE))
			continue;
		say(m, iface, "detached", "detached");
		forget(m, iface);
	}
}

void monitoring_look_ifaces(struct monitoring *m, const struct session *session)
{
	__cleanup_free struct iface_entry *entries = NULL;
	size_t n = 0;

	if (policy_maps_ifaces(&session->state, &entries, &n))
		return;
	for (size_t i = 0; i < m->n_ifaces; i++)
		m->ifaces[i].seen = false;
	for (size_t i = 0; i < n; i++)
		take_entry(m, &entries[i]);
	look_for_missing(m);
	for (size_t i = 0; i < m->n_ifaces; i++)
		look_at_device(m, &m->ifaces[i]);
}

void monitoring_detached_all(struct monitoring *m)
{
	for (size_t i = 0; i < m->n_ifaces; i++)
		say(m, &m->ifaces[i], "detached", "detached");
	m->n_ifaces = 0;
}

void monitoring_forget_ifaces(struct monitoring *m)
{
	free(m->ifaces);
	m->ifaces = NULL;
	m->n_ifaces = m->room = 0;
}
