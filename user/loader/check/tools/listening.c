/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/listening.h"

#include <netinet/in.h>
#include <string.h>

#include "kernel/maps/policy_maps.h"
#include "lib/mapped.h"

const char *const listening_class_names[TPROXY_CLASS_MAX] = {
	[TPROXY_TCP4] = "tcp4",
	[TPROXY_TCP6] = "tcp6",
	[TPROXY_UDP4] = "udp4",
	[TPROXY_UDP6] = "udp6",
};

const char *const found_names[FOUND_MAX] = {
	[FOUND_OK] = "ok",
	[FOUND_NONE] = "none",
	[FOUND_PARTLY] = "partly",
	[FOUND_OPAQUE] = "not transparent",
	[FOUND_ELSEWHERE] = "on another device",
	[FOUND_UNKNOWN] = "unknown",
};

void listening_close(struct listening *l)
{
	listeners_free(&l->listeners);
}

/* ---- classes ------------------------------------------------------------ */

__u8 listening_protocol(enum tproxy_class cls)
{
	return cls == TPROXY_TCP4 || cls == TPROXY_TCP6 ? IPPROTO_TCP : IPPROTO_UDP;
}

__u8 listening_family(enum tproxy_class cls)
{
	return cls == TPROXY_TCP4 || cls == TPROXY_UDP4 ? AF_INET : AF_INET6;
}

enum tproxy_class listening_class(__u8 protocol, __u8 family)
{
	if (protocol == IPPROTO_TCP)
		return family == AF_INET ? TPROXY_TCP4 : TPROXY_TCP6;
	return family == AF_INET ? TPROXY_UDP4 : TPROXY_UDP6;
}

static bool has_family(const struct prefix_set *set, __u8 family)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->items[i].family == family)
			return true;
	return false;
}

static bool has_protocol(const struct service_set *set, __u8 protocol)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->items[i].proto == protocol)
			return true;
	return false;
}

__u8 listening_wanted(const struct rule *rule)
{
	__u8 wanted = 0;

	for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX; cls++)
		if (has_protocol(&rule->services, listening_protocol(cls)) &&
		    has_family(&rule->to, listening_family(cls)) &&
		    has_family(&rule->from, listening_family(cls)))
			wanted |= (__u8)(1 << cls);
	return wanted;
}

__u8 listening_relay(const struct listening *l)
{
	__u8 classes = 0;

	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++)
		for (int way = 0; way < TPROXY_GROUP_WAYS; way++)
			if (l->slots[cls][way])
				classes |= (__u8)(1 << cls);
	return classes;
}

/* ---- slots -------------------------------------------------------------- */

/*
 * The map keeps a socket until its last descriptor is closed, so a slot may have one that was
 * destroyed or shut down: the kernel does not list that, or says so.
 */
static bool is_dead(const struct listening *l, enum tproxy_class cls, __u64 cookie)
{
	const struct listener *listener = listeners_by_cookie(&l->listeners, cookie);

	if (!listeners_known(&l->listeners, listening_protocol(cls)))
		return false;
	return !listener || listener->shut;
}

static void read_slots(struct listening *l, const struct state *state)
{
	for (__u32 cls = 0; cls < TPROXY_CLASS_MAX; cls++)
		for (__u32 way = 0; way < TPROXY_GROUP_WAYS; way++)
			l->slots[cls][way] =
				policy_maps_slot_cookie(state, TPROXY_SLOT(0, cls, way));
}

static void sort_out_dead(struct listening *l, enum tproxy_class cls)
{
	for (int way = 0; way < TPROXY_GROUP_WAYS; way++) {
		if (!l->slots[cls][way] || !is_dead(l, cls, l->slots[cls][way]))
			continue;
		l->dead |= (__u8)(1 << cls);
		l->slots[cls][way] = 0;
	}
}

int listening_open(struct listening *l, const struct state *state)
{
	int err;

	*l = (struct listening){ 0 };
	read_slots(l, state);
	/* Afterwards: a listener that is opened meanwhile must not seem dead. */
	err = listeners_read(&l->listeners);
	for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX && !err; cls++)
		sort_out_dead(l, cls);
	return err;
}

/* ---- finding ------------------------------------------------------------ */

/* A socket of the map that is not listed has been closed or belongs to another namespace. */
static enum found assess(const struct listener *listener, __u8 family, const struct device *device)
{
	if (!listener || listener->shut)
		return FOUND_NONE;
	if (device && !listener_takes_device(listener, device->ifindex, device_vrf(device)))
		return FOUND_ELSEWHERE;
	/* IPv6 answers a SYN from any address (inet6_csk_route_req); IPv4 needs transparency. */
	if (!listener->transparent && (listener->protocol == IPPROTO_UDP || family == AF_INET))
		return FOUND_OPAQUE;
	return FOUND_OK;
}

static enum found find_relay(const struct listening *l, enum tproxy_class cls,
			     const struct device *device, const struct listener **ret_listener)
{
	int empty = 0;

	for (int way = 0; way < TPROXY_GROUP_WAYS; way++) {
		const __u64 cookie = l->slots[cls][way];
		const struct listener *listener = listeners_by_cookie(&l->listeners, cookie);
		enum found found;

		if (!cookie) {
			empty++;
			continue;
		}
		/* Where sockets cannot be listed: the relay makes only fit ones. */
		found = listener ? assess(listener, listening_family(cls), device) : FOUND_OK;
		*ret_listener = listener;
		if (found != FOUND_OK)
			return found;
	}
	if (empty == TPROXY_GROUP_WAYS)
		return FOUND_NONE;
	return empty ? FOUND_PARTLY : FOUND_OK;
}

/* A rule without an address means loopback of the flow's family (tables.c). */
static void put_address(struct listener_place *place, const struct endpoint *proxy)
{
	static const __u8 loopback4[4] = { 127, 0, 0, 1 };
	static const __u8 loopback6[16] = { [15] = 1 };
	const __u8 *addr = place->family == AF_INET ? loopback4 : loopback6;

	mapped_from(place->family, proxy->family == place->family ? proxy->addr : addr,
		    place->addr);
}

static enum found find_port(const struct listening *l, const struct endpoint *proxy,
			    struct listener_place *place, const struct device *device,
			    const struct listener **ret_listener)
{
	const struct listener *fits, *somewhere;

	if (!listeners_known(&l->listeners, place->protocol))
		return FOUND_UNKNOWN;
	put_address(place, proxy);
	somewhere = listeners_at(&l->listeners, place);
	if (!device) {
		*ret_listener = somewhere;
		return assess(somewhere, place->family, NULL);
	}
	place->ifindex = device->ifindex;
	place->vrf = device_vrf(device);
	fits = listeners_at(&l->listeners, place);
	*ret_listener = fits ? fits : somewhere;
	return assess(*ret_listener, place->family, device);
}

enum found listening_find(const struct listening *l, const struct rule *rule, enum tproxy_class cls,
			  const struct device *device, const struct listener **ret_listener)
{
	struct listener_place place = { .protocol = listening_protocol(cls),
					.family = listening_family(cls),
					.port = rule->proxy.port };

	*ret_listener = NULL;
	if (!rule->proxy.port)
		return find_relay(l, cls, device, ret_listener);
	return find_port(l, &rule->proxy, &place, device, ret_listener);
}
