/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps that concern rules and routes. */
#include <string.h>
#include <sys/socket.h>

#include "loader/steps.h"

static const __u8 families[] = { AF_INET, AF_INET6 };

static char family_digit(__u8 family)
{
	return family == AF_INET ? '4' : '6';
}

struct route_key steps_route_key(const struct session *session)
{
	const struct tproxy_config *config = &session->state.config;

	return (struct route_key){ config->mark, config->mask, config->table };
}

/*
 * A VRF gives IPv6 packets of its members its own name before they are routed, IPv4 packets only
 * after (ip6_rcv_finish, ip_rcv_finish).
 */
int steps_rule_device(struct session *session, __u8 family, const struct device *device,
		      struct device *ret_device)
{
	if (family == AF_INET6 && device_vrf(device))
		return device_by_index(&session->nl, device_vrf(device), ret_device);
	*ret_device = *device;
	return 0;
}

enum routing steps_routing(struct session *session, __u8 family, const struct device *device)
{
	struct route_key key = steps_route_key(session);
	struct device named;

	if (!route_family_present(family))
		return ROUTING_ABSENT;
	if (steps_rule_device(session, family, device, &named) ||
	    route_rule_present(&session->nl, family, &key, named.name) != 1)
		return ROUTING_NO_RULE;
	return route_local_present(&session->nl, family, key.table) == 1 ? ROUTING_OK :
									   ROUTING_NO_ROUTE;
}

/* ---- rules and routes an interface needs ------------------------------------ */

/* A family the interface does not speak needs no rule: none of its packets get that far. */
static bool family_disabled(__u8 family, const char *ifname)
{
	__cleanup_file FILE *file = NULL;
	char path[128];

	if (family == AF_INET)
		return false;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", ifname);
	file = fopen(path, "re");
	return file && fgetc(file) == '1';
}

bool steps_family_wanted(__u8 family, const char *ifname)
{
	return route_family_present(family) && !family_disabled(family, ifname);
}

static const char *route_hint(int err)
{
	if (err == -ENETDOWN)
		return "ip link set lo up";
	if (err == -EPERM)
		return "run as root";
	return "-v shows more";
}

static int local_route_on(struct session *session, __u8 family, __u32 table)
{
	int present = session->dry_run ? 0 : route_local_present(&session->nl, family, table);
	int err = present < 0 ? present : 0;

	if (present > 0)
		return 0;
	if (!err) {
		log_step("ip -%c route add local default dev lo table %u proto %u",
			 family_digit(family), table, TPROXY_RT_PROTOCOL);
		if (!session->dry_run)
			err = route_local_add(&session->nl, family, table);
	}
	if (err)
		log_error("table %u: cannot add the local IPv%c route: %s (%s)", table,
			  family_digit(family), strerror(-err), route_hint(err));
	return err;
}

static int rule_on(struct session *session, __u8 family, const struct route_key *key,
		   const char *ifname)
{
	int present = session->dry_run ? 0 :
					 route_rule_present(&session->nl, family, key, ifname);
	int err = present < 0 ? present : 0;

	if (present > 0)
		return 0;
	if (!err) {
		log_step("ip -%c rule add pref %u iif %s fwmark 0x%x/0x%x lookup %u protocol %u",
			 family_digit(family), TPROXY_RULE_PREF, ifname, key->mark, key->mask,
			 key->table, TPROXY_RT_PROTOCOL);
		if (!session->dry_run)
			err = route_rule_add(&session->nl, family, key, ifname);
	}
	if (err)
		log_error("%s: cannot add the IPv%c rule: %s (%s)", ifname, family_digit(family),
			  strerror(-err), route_hint(err));
	return err;
}

/* Read back and proved: a mark that is not delivered here is a bypass. */
static int prove(struct session *session, __u8 family, const struct route_key *key,
		 const struct device *device, const struct device *named)
{
	int err;

	if (session->dry_run)
		return 0;
	if (route_rule_present(&session->nl, family, key, named->name) != 1 ||
	    route_local_present(&session->nl, family, key->table) != 1) {
		log_error("%s: the IPv%c rule or route vanished after it was added (something "
			  "else manages rules: see ip monitor rule)",
			  device->name, family_digit(family));
		return -ESTALE;
	}
	err = route_prove(&session->nl, family, key, named->ifindex, device->ifindex);
	if (err == -EAGAIN) {
		log_debug("%s: no IPv%c address to prove the route with", device->name,
			  family_digit(family));
		return 0;
	}
	if (err)
		log_error("%s: a marked IPv%c packet would not be delivered here: %s (a rule before "
			  "pref %u may decide first: see ip -%c rule)",
			  device->name, family_digit(family),
			  err == -EXDEV ? "the route look-up says so" : strerror(-err),
			  TPROXY_RULE_PREF, family_digit(family));
	return err;
}

static int family_on(struct session *session, __u8 family, const struct device *device)
{
	struct route_key key = steps_route_key(session);
	struct device named;
	int err = steps_rule_device(session, family, device, &named);

	if (err) {
		log_error("%s: cannot find its VRF: %s (ip link show %s)", device->name,
			  strerror(-err), device->name);
		return err;
	}
	err = local_route_on(session, family, key.table);
	if (!err)
		err = rule_on(session, family, &key, named.name);
	return err ? err : prove(session, family, &key, device, &named);
}

int steps_route_on(struct session *session, const struct device *device)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && !err; i++) {
		if (steps_family_wanted(families[i], device->name))
			err = family_on(session, families[i], device);
		else
			log_debug("%s: no IPv%c here", device->name, family_digit(families[i]));
	}
	return err;
}

/* ---- rules nobody needs ---------------------------------------------------- */

/* A VRF's name comes from the kernel: a VRF may be renamed, or gone. */
static bool vrf_is(struct session *session, __u32 vrf, const char *name)
{
	struct device device;

	return vrf && !device_by_index(&session->nl, (int)vrf, &device) &&
	       !strcmp(device.name, name);
}

bool steps_rule_needed(struct session *session, __u8 family, const char *iif,
		       const struct live_iface *ifaces, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct tproxy_iface *value = &ifaces[i].value;

		if (family == AF_INET6 && value->vrf ? vrf_is(session, value->vrf, iif) :
						       !strcmp((const char *)value->name, iif))
			return true;
	}
	return false;
}

struct rule_names {
	struct route_key key;
	char (*names)[IF_NAMESIZE];
	size_t n, room;
};

static int collect_rule(const struct route_rule *rule, void *arg)
{
	struct rule_names *rules = arg;

	if (!route_rule_is_ours(rule, &rules->key))
		return 0;
	if (array_room((void **)&rules->names, rules->n, &rules->room, sizeof(*rules->names)))
		return -ENOMEM;
	memcpy(rules->names[rules->n++], rule->iif, IF_NAMESIZE);
	return 0;
}

static int rule_off(struct session *session, __u8 family, const struct route_key *key,
		    const char *iif)
{
	int err;

	log_step("ip -%c rule del pref %u iif %s fwmark 0x%x/0x%x lookup %u protocol %u",
		 family_digit(family), TPROXY_RULE_PREF, iif, key->mark, key->mask, key->table,
		 TPROXY_RT_PROTOCOL);
	err = session->dry_run ? 0 : route_rule_del(&session->nl, family, key, iif);
	if (err)
		log_error("%s: cannot remove the IPv%c rule: %s", iif, family_digit(family),
			  strerror(-err));
	return err;
}

static int family_off(struct session *session, __u8 family, const struct live_iface *ifaces,
		      size_t n)
{
	struct rule_names rules = { .key = steps_route_key(session) };
	int result = route_rules(&session->nl, family, collect_rule, &rules);

	if (result)
		log_error("routing rules: cannot read them: %s", strerror(-result));
	for (size_t i = 0; i < rules.n; i++) {
		int err = 0;

		if (!steps_rule_needed(session, family, rules.names[i], ifaces, n))
			err = rule_off(session, family, &rules.key, rules.names[i]);
		result = result ? result : err;
	}
	free(rules.names);
	return result;
}

int steps_route_off(struct session *session, int ifindex)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	size_t n = 0, others = 0;
	int err, result = steps_ifaces(session, &ifaces, &n);

	if (result)
		return result;
	for (size_t i = 0; i < n; i++)
		if ((int)ifaces[i].ifindex != ifindex)
			ifaces[others++] = ifaces[i];
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (!route_family_present(families[i]))
			continue;
		err = family_off(session, families[i], ifaces, others);
		result = result ? result : err;
	}
	return result;
}

/* ---- the local routes ------------------------------------------------------ */

int steps_routes_off(struct session *session)
{
	__u32 table = session->state.config.table;
	int result = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		__u8 family = families[i];
		int err = 0, present = 0;

		if (route_family_present(family))
			present = route_local_present(&session->nl, family, table);
		if (!present)
			continue;
		log_step("ip -%c route del local default dev lo table %u proto %u",
			 family_digit(family), table, TPROXY_RT_PROTOCOL);
		err = session->dry_run ? 0 : route_local_del(&session->nl, family, table);
		if (err)
			log_error("table %u: cannot remove the local IPv%c route: %s", table,
				  family_digit(family), strerror(-err));
		if (err && !result)
			result = err;
	}
	return result;
}
