/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can others reach the listener of a proxy by another way than ours? One that is bound to all
 * addresses can be dialled: the original destination is then the proxy itself, which connects to
 * itself without end. And one that shares its port gives part of the flows to the other program.
 */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/mapped.h"
#include "loader/check/list.h"
#include "loader/check/tools/filters.h"
#include "loader/check/tools/listening.h"

static bool is_loopback(const __u8 addr[16])
{
	static const __u8 loopback6[16] = { [15] = 1 };

	return mapped_is(addr) ? addr[MAPPED_LEN] == 127 : !memcmp(addr, loopback6, 16);
}

static bool is_of_rule(const struct rule *rule, const struct listener *listener)
{
	if (!rule_is_proxy(rule) || listener->port != rule->proxy.port || listener->shut)
		return false;
	for (size_t i = 0; i < rule->services.n; i++)
		if (rule->services.items[i].proto == listener->protocol)
			return true;
	return false;
}

static const char *proto_of(const struct listener *listener)
{
	return listener->protocol == IPPROTO_TCP ? "tcp" : "udp";
}

static void name_holder(const struct listener *listener, char *buf, size_t size)
{
	struct holder holder;

	if (listener_holder(listener, &holder))
		snprintf(buf, size, "%s (pid %d)", holder.comm, (int)holder.pid);
	else
		snprintf(buf, size, "a process of user %u", listener->uid);
}

/* ---- packet filters ----------------------------------------------------- */

/* The first packet of a client that dials the listener by this interface. */
static void dial(const struct checked_iface *iface, const struct listener *listener, __u8 family,
		 struct fw_packet *packet)
{
	static const __u8 any[16];
	const __be16 port = htons(listener->port);
	const __u8 syn = 2;
	__u8 addr[16];

	fw_packet_init(packet, family);
	fw_packet_set(packet, FW_PROTO, &listener->protocol, 1);
	fw_packet_set(packet, FW_DPORT, &port, sizeof(port));
	if (listener->protocol == IPPROTO_TCP)
		fw_packet_set(packet, FW_TCPFLAGS, &syn, sizeof(syn));
	if (memcmp(listener->addr, any, sizeof(any)) && mapped_to(listener->addr, addr) == family)
		fw_packet_set(packet, FW_DADDR, addr, family == AF_INET ? 4 : 16);
	fw_packet_bits(packet, FW_MARK, 0, ~0u);
	fw_packet_bits(packet, FW_CTMARK, 0, ~0u);
	fw_packet_bits(packet, FW_CTSTATE, FW_STATE_NEW, ~0u);
	fw_packet_bits(packet, FW_DSTTYPE, RTN_LOCAL, ~0u);
	/* the input chain of a member sees the VRF */
	if (!device_vrf(&iface->device))
		fw_packet_device(packet, FW_IIF, iface->device.name);
}

static enum fw_match dropped(const struct firewall *fw, const struct fw_packet *packet)
{
	struct fw_walk walk;

	fw_walk_init(&walk, fw, packet);
	fw_walk_hook(&walk, FW_INGRESS);
	fw_walk_hook(&walk, FW_PREROUTING);
	fw_walk_hook(&walk, FW_INPUT);
	return walk.dropped;
}

static bool takes_family(const struct listener *listener, __u8 family)
{
	static const __u8 any[16];
	__u8 addr[16];

	if (memcmp(listener->addr, any, sizeof(any)))
		return mapped_to(listener->addr, addr) == family;
	return listener->family == family || (listener->family == AF_INET6 && !listener->v6only);
}

/* How much of what clients dial is dropped, on all interfaces and in all families of it. */
static enum fw_match protection(struct checkup *c, const struct listener *listener)
{
	static const __u8 families[] = { AF_INET, AF_INET6 };
	const struct firewall *fw = filters_read(c);
	enum fw_match least = FW_ALL, one;
	struct fw_packet packet;

	if (!fw)
		return FW_NEVER;
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(families) && c->ifaces[i].there; k++) {
			if (!takes_family(listener, families[k]))
				continue;
			dial(&c->ifaces[i], listener, families[k], &packet);
			one = dropped(fw, &packet);
			least = one < least ? one : least;
		}
	return least;
}

/* ---- dialled ------------------------------------------------------------ */

static void report_exposed(struct checkup *c, const struct rule *rule,
			   const struct listener *listener, bool in_part)
{
	struct problem *p =
		problem_add(&c->problems, "listener-exposed", VERDICT_DEGRADED, NULL, rule->name);
	char holder[80];

	name_holder(listener, holder, sizeof(holder));
	problem_text(
		p,
		"%s has %s port %u on addresses that clients can dial%s: it would take itself for "
		"the server, and connect to itself without end",
		holder, proto_of(listener), listener->port,
		in_part ? " (a packet filter may drop some or all of it)" : "");
	problem_next(p,
		     "bind it to loopback, where intercepted flows reach it as well: 127.0.0.1:%u "
		     "and [::1]:%u (Squid: http_port 127.0.0.1:%u tproxy; HAProxy: bind "
		     "127.0.0.1:%u transparent)",
		     listener->port, listener->port, listener->port, listener->port);
}

static void find_exposed(struct checkup *c, const struct listening *l, const struct rule *rule)
{
	for (size_t i = 0; i < l->listeners.n; i++) {
		const struct listener *listener = &l->listeners.items[i];
		enum fw_match dropped;

		if (!is_of_rule(rule, listener) || is_loopback(listener->addr))
			continue;
		dropped = protection(c, listener);
		if (dropped == FW_ALL) {
			checkup_evidence(c, "a packet filter protects %s port %u",
					 proto_of(listener), listener->port);
			continue;
		}
		report_exposed(c, rule, listener, dropped == FW_SOME);
		return;
	}
}

/* ---- shared ------------------------------------------------------------- */

static bool same_place(const struct listener *a, const struct listener *b)
{
	return a->protocol == b->protocol && a->family == b->family && a->port == b->port &&
	       a->device == b->device && !memcmp(a->addr, b->addr, sizeof(a->addr));
}

/* Workers of one program are no others. */
static bool is_other_program(const struct listener *a, const struct listener *b)
{
	struct holder first, second;

	return listener_holder(a, &first) && listener_holder(b, &second) &&
	       first.pid != second.pid && strcmp(first.comm, second.comm);
}

static void report_shared(struct checkup *c, const struct rule *rule,
			  const struct listener *const listeners[2])
{
	struct problem *p =
		problem_add(&c->problems, "listener-shared", VERDICT_DEGRADED, NULL, rule->name);
	char first[80], second[80];

	name_holder(listeners[0], first, sizeof(first));
	name_holder(listeners[1], second, sizeof(second));
	problem_text(p,
		     "%s and %s share %s port %u (SO_REUSEPORT): the kernel gives each a part of "
		     "the flows",
		     first, second, proto_of(listeners[0]), listeners[0]->port);
	problem_next(p, "stop the one that is not the proxy; ss -ln%cp sport = :%u shows both",
		     *proto_of(listeners[0]), listeners[0]->port);
}

static void find_shared(struct checkup *c, const struct listening *l, const struct rule *rule)
{
	const struct listener *first = NULL;

	for (size_t i = 0; i < l->listeners.n; i++) {
		const struct listener *listener = &l->listeners.items[i];

		if (!is_of_rule(rule, listener))
			continue;
		if (first && same_place(first, listener) && is_other_program(first, listener)) {
			report_shared(c, rule, (const struct listener *const[]){ first, listener });
			return;
		}
		if (!first)
			first = listener;
	}
}

/* ---- all ---------------------------------------------------------------- */

void check_exposed(struct checkup *c)
{
	struct listening l __cleanup_listening = { .slots = { { 0 } } };
	int err = listening_open(&l, &c->session->state);

	if (err) {
		checkup_unchecked(c, "listeners cannot be listed: %s", strerror(-err));
		return;
	}
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		/* The listeners of the relay are bound to loopback, and share nothing. */
		if (!c->policy.rules[i].proxy.port)
			continue;
		find_exposed(c, &l, &c->policy.rules[i]);
		find_shared(c, &l, &c->policy.rules[i]);
	}
}
