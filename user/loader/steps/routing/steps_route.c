/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps for rules and routes. */
#include "loader/steps/routing/steps_route.h"

#include <string.h>
#include <sys/socket.h>

#include "kernel/own/own_hook.h"

struct route_key steps_route_key(const struct session *session)
{
	const struct tproxy_config *config = &session->state.config;

	return (struct route_key){ config->mark, config->mask, config->table };
}

struct route_key steps_route_key_on(const struct session *session, const struct device *device)
{
	return device->ifindex == OWN_IFINDEX ? session->own_key : steps_route_key(session);
}

/*
 * IPv6 packets of a VRF's member have the VRF as their device before they are routed, IPv4 packets
 * only after that (ip6_rcv_finish, ip_rcv_finish).
 */
int steps_rule_device(struct session *session, __u8 family, const struct device *device,
		      struct device *ret_device)
{
	if (family == AF_INET6 && device_vrf(device))
		return device_by_index(&session->nl, device_vrf(device), ret_device);
	*ret_device = *device;
	return 0;
}

/* ---- rules and routes an interface needs -------------------------------- */

/* A family that is off on the interface needs no rule: its packets are dropped before. */
static bool family_disabled(__u8 family, const char *ifname)
{
	__cleanup_file FILE *file = NULL;
	char path[128];

	if (family == AF_INET)
		return false;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", ifname);
	file = fopen(path, "re");
	/* A device whose MTU is too small for IPv6 has no such file. */
	return file ? fgetc(file) == '1' : errno == ENOENT;
}

bool steps_family_wanted(__u8 family, const char *ifname)
{
	return route_family_present(family) && !family_disabled(family, ifname);
}

const char *steps_route_hint(int err)
{
	if (err == -ENETDOWN)
		return "ip link set lo up";
	if (err == -EPERM)
		return "run as root";
	return "-v shows more";
}

static void show_local(const char *verb, __u8 family, __u32 table, int protocol)
{
	log_step("ip -%c route %s local default dev lo table %u proto %d",
		 route_family_digit(family), verb, table, protocol);
}

/* The route of an older build is removed once ours is there. */
static int replace_local(struct session *session, __u8 family, __u32 table)
{
	int err;

	show_local(family == AF_INET ? "append" : "replace", family, table, TPROXY_RT_PROTOCOL);
	err = route_local_add_over_old(&session->nl, family, table);
	if (!err && family == AF_INET) {
		show_local("del", family, table, TPROXY_RT_PROTOCOL_OLD);
		err = route_local_del_old(&session->nl, family, table);
	}
	return err;
}

static int add_local(struct session *session, __u8 family, __u32 table)
{
	struct route_table found = { 0 };
	int err = 0;

	if (!session->dry_run)
		err = route_table_read(&session->nl, family, table, &found);
	if (err || (found.ours && !found.old))
		return err;
	/* A replacement could hit a route of others; the old one works as well. */
	if (found.old && found.foreign && family == AF_INET6)
		return 0;
	if (found.old)
		return replace_local(session, family, table);
	show_local("add", family, table, TPROXY_RT_PROTOCOL);
	return session->dry_run ? 0 : route_local_add(&session->nl, family, table);
}

static int local_route_on(struct session *session, __u8 family, __u32 table)
{
	int err = add_local(session, family, table);

	if (err)
		log_error("table %u: cannot add the local IPv%c route: %s (%s)", table,
			  route_family_digit(family), strerror(-err), steps_route_hint(err));
	return err;
}

static int family_on(struct session *session, __u8 family, const struct device *device)
{
	int err = local_route_on(session, family, session->state.config.table);

	return err ? err : steps_rule_on(session, family, device);
}

int steps_route_on(struct session *session, const struct device *device)
{
	int err = 0;

	for (size_t i = 0; i < ROUTE_FAMILIES && !err; i++) {
		if (steps_family_wanted(route_families[i], device->name))
			err = family_on(session, route_families[i], device);
		else
			log_debug("%s: no IPv%c here", device->name,
				  route_family_digit(route_families[i]));
	}
	return err;
}

static int is_old(const struct route_rule *rule, void *arg)
{
	return route_rule_is_old(rule) && route_rule_is_ours(rule, arg);
}

/* 1 if a rule or route of an older build is there, 0 or -errno. */
static int has_old(struct session *session)
{
	struct route_key key = steps_route_key(session);
	struct route_table table = { 0 };
	int found = 0;

	for (size_t i = 0; i < ROUTE_FAMILIES && !found; i++) {
		if (!route_family_present(route_families[i]))
			continue;
		found = route_rules(&session->nl, route_families[i], is_old, &key);
		if (!found)
			found = route_table_read(&session->nl, route_families[i], key.table,
						 &table);
		if (!found)
			found = table.old;
	}
	return found;
}

int steps_route_renew(struct session *session)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	struct device device;
	size_t n = 0;
	int result, found = session->dry_run ? 0 : has_old(session);

	if (found < 0)
		log_error("routing: cannot read rules and routes: %s (try again)",
			  strerror(-found));
	if (found <= 0)
		return found;
	result = session_ifaces(session, &ifaces, &n);
	for (size_t i = 0; i < n; i++) {
		if ((ifaces[i].value.roles & TPROXY_ROLE_LOCAL) ||
		    device_by_index(&session->nl, (int)ifaces[i].ifindex, &device))
			continue;
		result = first_error(result, steps_route_on(session, &device));
	}
	return result;
}

/* ---- unneeded rules ----------------------------------------------------- */

/* The kernel has the name of the VRF, which may be renamed or gone. */
static bool vrf_is(struct session *session, __u32 vrf, const char *name)
{
	struct device device;

	return vrf && !device_by_index(&session->nl, (int)vrf, &device) &&
	       !strcmp(device.name, name);
}

bool steps_rule_needed(struct session *session, __u8 family, const char *iif,
		       const struct iface_entry *ifaces, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct tproxy_iface *value = &ifaces[i].value;

		if (family == AF_INET6 && value->vrf ? vrf_is(session, value->vrf, iif) :
						       !strcmp((const char *)value->name, iif))
			return true;
	}
	return false;
}

static int family_off(struct session *session, __u8 family, const struct iface_entry *ifaces,
		      size_t n)
{
	struct rule_list list __cleanup_rules = { 0 };
	struct route_key key = steps_route_key(session);
	int result = rules_read(&session->nl, family, &list);

	if (result)
		log_error("routing rules: cannot read them: %s (try again)", strerror(-result));
	for (size_t i = 0; i < list.n; i++) {
		const struct route_rule *rule = &list.items[i];

		if (route_rule_is_ours(rule, &key) &&
		    !steps_rule_needed(session, family, rule->iif, ifaces, n))
			result = first_error(result, steps_rule_off(session, rule));
	}
	return result;
}

int steps_route_off(struct session *session, int ifindex)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0, others = 0;
	int result = session_ifaces(session, &ifaces, &n);

	if (result)
		return result;
	for (size_t i = 0; i < n; i++)
		if ((int)ifaces[i].ifindex != ifindex)
			ifaces[others++] = ifaces[i];
	for (size_t i = 0; i < ROUTE_FAMILIES; i++) {
		if (!route_family_present(route_families[i]))
			continue;
		result =
			first_error(result, family_off(session, route_families[i], ifaces, others));
	}
	return result;
}

/* ---- the local routes --------------------------------------------------- */

static int local_route_off(struct session *session, __u8 family, __u32 table)
{
	struct route_table found;
	int err = route_table_read(&session->nl, family, table, &found);

	if (!err && found.ours)
		show_local("del", family, table, TPROXY_RT_PROTOCOL);
	if (!err && found.old)
		show_local("del", family, table, TPROXY_RT_PROTOCOL_OLD);
	if (!err && (found.ours || found.old) && !session->dry_run)
		err = route_local_del(&session->nl, family, table);
	if (err)
		log_error("table %u: cannot remove the local IPv%c route: %s (try again)", table,
			  route_family_digit(family), strerror(-err));
	return err;
}

int steps_routes_off(struct session *session)
{
	int result = 0;

	for (size_t i = 0; i < ROUTE_FAMILIES; i++)
		if (route_family_present(route_families[i]))
			result = first_error(result, local_route_off(session, route_families[i],
								     session->state.config.table));
	return result;
}
