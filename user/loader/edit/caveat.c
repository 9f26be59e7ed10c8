/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/caveat.h"

#include <string.h>
#include <sys/socket.h>

#include "kernel/maps/policy_maps.h"
#include "lib/log.h"
#include "loader/steps/iface.h"
#include "loader/steps/routing/steps_route.h"
#include "policy/scope.h"

struct walk {
	const struct session *session;
	const struct device *device;
};

/* Packets of such a child leave for it before our program runs. */
static int warn_of_child(const struct device *child, void *arg)
{
	const struct walk *walk = arg;
	const char *name = walk->device->name;

	if (child->parent != walk->device->ifindex ||
	    iface_is_attached(walk->session, child->ifindex))
		return 0;
	if (!strcmp(child->kind, "vlan"))
		log_warn("%s: flows in its VLAN %s are not intercepted (attach %s for these)", name,
			 child->name, child->name);
	else if (!strcmp(child->kind, "macvlan"))
		log_warn("%s: flows that enter its macvlan %s are not intercepted (attach %s "
			 "for these)",
			 name, child->name, child->name);
	return 0;
}

/* Both devices answer ARP for both addresses: flows enter the one that answers first. */
static void warn_of_macvlan(struct session *session, const struct device *device)
{
	struct device parent;

	if (strcmp(device->kind, "macvlan") || !device->parent ||
	    device_by_index(&session->nl, device->parent, &parent) ||
	    iface_is_attached(session, parent.ifindex))
		return;
	log_warn("%s: its flows may enter %s, which also answers ARP for it (sysctl "
		 "net.ipv4.conf.all.arp_ignore=1, or attach both)",
		 device->name, parent.name);
}

/* Sockets not bound to a member belong to no VRF (inet_sk_bound_dev_eq, tcp_l3mdev_accept=0). */
static void warn_of_vrf(struct session *session, const struct device *device)
{
	struct device vrf;

	if (!device_vrf(device) || device_by_index(&session->nl, device_vrf(device), &vrf))
		return;
	log_warn("%s: it is a member of VRF %s: a proxy takes flows from it only with listeners "
		 "bound to %s (tproxy-relay --device %s, which rules name by --proxy PORT)",
		 device->name, vrf.name, device->name, device->name);
}

static bool forwards(const char *family, const char *ifname)
{
	__cleanup_file FILE *file = NULL;
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/forwarding", family, ifname);
	file = fopen(path, "re");
	return !file || fgetc(file) != '0';
}

/*
 * A route look-up confirms the map of local addresses. It has no answer where packets are not
 * forwarded (bpf_ipv4_fib_lookup: BPF_FIB_LKUP_RET_FWD_DISABLED).
 */
static void warn_of_forwarding(const struct device *device)
{
	bool v4 = forwards("ipv4", device->name);
	bool v6 = !steps_family_wanted(AF_INET6, device->name) || forwards("ipv6", device->name);

	if (!v4 || !v6)
		log_warn("%s: %s forwarding is off: the kernel does not say which packets are for "
			 "this host; the addresses that the last command saw decide "
			 "(tproxy-loader watch keeps them up to date)",
			 device->name,
			 v6 ? "IPv4" :
			 v4 ? "IPv6" :
			      "IPv4 and IPv6");
}

void caveat_warn(struct session *session, const struct device *device)
{
	struct walk walk = { session, device };

	warn_of_forwarding(device);
	warn_of_vrf(session, device);
	warn_of_macvlan(session, device);
	if (device_walk(&session->nl, warn_of_child, &walk))
		log_debug("%s: cannot list the devices on top of it", device->name);
}

void caveat_destinations(const struct rule *rule, const struct prefix_set *given)
{
	char text[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < given->n; i++) {
		const char *why = scope_never_forwarded(&given->items[i]);

		if (why)
			log_warn("rule %s: %s never matches: Linux does not forward %s", rule->name,
				 prefix_format(&given->items[i], text), why);
	}
	if (scope_rule_is_dead(rule))
		log_warn("rule %s: can never match: nothing is forwarded to its destinations",
			 rule->name);
}
