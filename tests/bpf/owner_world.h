/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets of this host that own flows, the rules beside them, and the tickets that steering
 * leaves. For test_owner.c, test_fragment.c, test_icmp.c and test_cookie.c.
 *
 * Real connections run over lo, between addresses that are not in the map of local addresses and
 * are therefore foreign to the program. Test packets never enter the stack: BPF_PROG_TEST_RUN only
 * shows them to the program.
 */
#ifndef OWNER_WORLD_H
#define OWNER_WORLD_H

#include <netinet/tcp.h>

#include "flows.h"
#include "run.h"

/* A packet from the server of the flow on this port; those of its client: TO_SERVER4 and 6. */
#define TO_CLIENT4(port) .src = SERVER4, .dst = CLIENT4, .sport = (port), .dport = CLIENT_PORT
#define TO_CLIENT6(port) .src = SERVER6, .dst = CLIENT6, .sport = (port), .dport = CLIENT_PORT

/* clang-format off */
static const struct rule_spec owner_rules[] = {
	{ 0, "10.210.1.0/24,fd21:1::/64", NULL, { "tcp/80", "tcp/8080", "udp/53" },
	  TPROXY_ACTION_PROXY, 0, NULL },
	{ 1, "10.210.2.0/24,fd21:2::/64", NULL, { "tcp/80", "udp/53" }, TPROXY_ACTION_PASS, 0, NULL },
	{ 2, "10.210.3.0/24,fd21:3::/64", NULL, { "tcp/80", "udp/53" }, TPROXY_ACTION_DROP, 0, NULL },
	{ 3, "10.98.0.0/24,fd98::/64", NULL, { "tcp/7100" }, TPROXY_ACTION_PROXY, 0, NULL },
	{ 4, "10.98.0.0/24", NULL, { "tcp/7101" }, TPROXY_ACTION_PROXY, 0, "15002" },
	{ 5, "10.98.0.0/24", NULL, { "tcp/7102" }, TPROXY_ACTION_PASS, 0, NULL },
	{ 6, "10.98.0.0/24,fd98::/64", NULL, { "tcp/7000" }, TPROXY_ACTION_DROP, 0, NULL },
	{ 7, "10.98.0.0/24", NULL, { "tcp/7104" }, TPROXY_ACTION_DROP, 0, NULL },
	{ 8, "10.98.0.1", NULL, { "tcp/7500" }, TPROXY_ACTION_PROXY, 0, "10.98.0.1:7500" },
	{ 9, "fd98::1", NULL, { "tcp/7500" }, TPROXY_ACTION_PROXY, 0, "[fd98::1]:7500" },
	{ 10, "10.98.0.1,fd98::1", NULL, { "tcp/7501" }, TPROXY_ACTION_PROXY, 0, NULL },
	{ 11, "10.210.5.0/24,fd21:5::/64", NULL, { "udp/53" }, TPROXY_ACTION_PROXY,
	  TPROXY_ON_DOWN_DROP, "15999" },
	{ 12, "10.210.6.0/24", NULL, { "udp/53" }, TPROXY_ACTION_PROXY, TPROXY_ON_DOWN_PASS, "15999" },
	{ 13, "10.210.7.0/24", NULL, { "udp/53" }, TPROXY_ACTION_PROXY, TPROXY_ON_DOWN_RESET, "15999" },
};
/* clang-format on */

/* The fragment header of an IPv6 UDP packet. */
#define FRAGMENT6(offset, more, id) .next = 44, .middle = BYTES(FRAGHDR(17, offset, more, id))

/* ---- tickets ------------------------------------------------------------ */

static inline struct tproxy_flow_key flow_key(const struct spec *spec)
{
	bool v6 = spec_is_v6(spec);
	struct tproxy_flow_key key = {
		.proto = spec->proto ? (__u8)spec->proto : IPPROTO_TCP,
		.sport = htons(spec->sport ? spec->sport : CLIENT_PORT),
		.dport = htons(spec->dport),
	};

	map_address(spec->src ? spec->src : v6 ? "fd99::1" : "10.99.0.1", key.src);
	map_address(spec->dst, key.dst);
	return key;
}

/* The ticket names a slot of group 0 and of the flow's class. */
static inline void expect_ticket(const struct world *w, const char *name, struct spec spec,
				 __u32 rule)
{
	struct tproxy_flow_key key = flow_key(&spec);
	bool udp = spec.proto == IPPROTO_UDP;
	enum tproxy_class cls = (udp ? TPROXY_UDP4 : TPROXY_TCP4) + spec_is_v6(&spec);
	struct tproxy_ticket ticket = { 0 };
	int err = bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.tickets), &key, &ticket);

	if (!tap_ok(!err && ticket.rule == rule && ticket.slot / TPROXY_GROUP_WAYS == cls, name))
		tap_comment("error %d, slot %u, rule %u", err, ticket.slot, ticket.rule);
}

/* The ticket names the slot of the listener that this rule found by address. */
static inline void expect_found_ticket(const struct world *w, const char *name, struct spec spec,
				       __u32 rule)
{
	struct tproxy_flow_key key = flow_key(&spec);
	struct tproxy_ticket ticket = { 0 };
	__u64 cookie = 0;
	int err = bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.tickets), &key, &ticket);

	if (!err)
		err = bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.socks), &ticket.slot, &cookie);
	if (!tap_ok(!err && cookie && ticket.rule == rule &&
			    ticket.slot == TPROXY_FOUND_SLOT(TPROXY_TCP4, rule),
		    name))
		tap_comment("error %d, slot %u, rule %u", err, ticket.slot, ticket.rule);
}

static inline void expect_no_ticket(const struct world *w, const char *name, struct spec spec)
{
	struct tproxy_flow_key key = flow_key(&spec);
	struct tproxy_ticket ticket;

	tap_ok(bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.tickets), &key, &ticket) == -ENOENT,
	       name);
}

/* ---- sockets ------------------------------------------------------------ */

static inline void open_tcp_flows(void)
{
	int lazy = bound_socket(SOCK_STREAM, SERVER4, 7003), waiting, seconds = 30, one = 1;
	int freebind = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	union address foreign = address_of("10.210.4.90", 80);
	union address silent = address_of("10.210.200.1", 9);

	open_tcp(SERVER4, CLIENT4, 7000);
	open_tcp(SERVER6, CLIENT6, 7000);
	open_tcp("::ffff:" SERVER4, "::ffff:" CLIENT4, 7001);
	open_tcp("10.77.1.1", CLIENT4, 7004);
	/* stays in SYN_RECV until the client sends something */
	setsockopt(lazy, SOL_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
	must(listen(lazy, 16), "listen");
	connect_to(bound_socket(SOCK_STREAM, CLIENT4, CLIENT_PORT), SERVER4, 7003);
	/* stays in SYN_SENT, without an answer */
	waiting = bound_socket(SOCK_STREAM | SOCK_NONBLOCK, CLIENT4, 41000);
	connect(waiting, &silent.sa, sizeof(silent.v4));
	listen_on("::", 8080);
	listen_on("0.0.0.0", 8081);
	listen_on("10.210.4.88", 80);
	listen_on("fd21:4::88", 80);
	setsockopt(freebind, SOL_IP, IP_FREEBIND, &one, sizeof(one));
	must(bind(freebind, &foreign.sa, sizeof(foreign)), "IP_FREEBIND");
	must(listen(freebind, 16), "listen");
}

static inline void open_udp(void)
{
	static const char *const replies[] = { "10.210.1.78", "10.210.2.78", "10.210.3.78",
					       "10.210.4.78", "fd21:1::78",  "fd21:4::78" };

	for (size_t i = 0; i < ARRAY_SIZE(replies); i++)
		bound_socket(SOCK_DGRAM, replies[i], 53);
	connect_to(bound_socket(SOCK_DGRAM, "10.210.1.77", 53), "10.99.0.1", CLIENT_PORT);
	connect_to(bound_socket(SOCK_DGRAM, "10.210.4.77", 53), "10.99.0.1", CLIENT_PORT);
	connect_to(bound_socket(SOCK_DGRAM, "fd21:1::77", 53), "fd99::1", CLIENT_PORT);
	connect_to(bound_socket(SOCK_DGRAM, "::ffff:10.210.4.79", 53), "::ffff:10.99.0.1",
		   CLIENT_PORT);
	connect_to(bound_socket(SOCK_DGRAM, "10.77.1.1", 53), "10.99.0.1", CLIENT_PORT);
	bound_socket(SOCK_DGRAM, "10.77.1.1", 54);
	bound_socket(SOCK_DGRAM, "::", 5353);
}

static inline void owner_world_open(struct world *w)
{
	world_open(w);
	fill_policy(policy_maps_maps(w), owner_rules, ARRAY_SIZE(owner_rules));
	start_relay(w, 0, 15002);
	set_local(w, "10.77.1.1");
	open_tcp_flows();
	open_udp();
}

#endif
