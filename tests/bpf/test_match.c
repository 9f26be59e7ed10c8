/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tproxy_ingress on flow starts that no socket owns: which rule matches, and what each action,
 * proxy and on-proxy-down setting does. test_refuse.c reads the refusals.
 */
#include "flows.h"
#include "run.h"

#define PROXY TPROXY_ACTION_PROXY
#define PASS TPROXY_ACTION_PASS
#define DROP TPROXY_ACTION_DROP
#define D_DROP TPROXY_ON_DOWN_DROP
#define D_PASS TPROXY_ON_DOWN_PASS

enum group {
	GROUP_RELAY, /* every class registered */
	GROUP_EMPTY,
	GROUP_ODD, /* sockets that do not fit their class, and one that does */
};

static const struct rule_spec rules[] = {
	{ 0, "10.210.1.0/24,fd21:1::/64", NULL, { "tcp/80", "udp/53" }, PROXY, D_DROP, NULL },
	{ 1, "10.210.2.0/24,fd21:2::/64", NULL, { "tcp/80", "udp/53" }, PROXY, D_PASS, NULL },
	{ 2, "10.210.3.0/24,fd21:3::/64", NULL, { "tcp/80", "udp/53" }, PROXY, D_DROP, NULL },
	{ 3, "10.210.4.0/24,fd21:4::/64", NULL, { "tcp/80", "udp/53" }, PROXY, D_PASS, NULL },
	{ 5, "10.210.6.0/24,fd21:6::/64", NULL, { "tcp/80", "udp/53" }, PASS, D_DROP, NULL },
	{ 6, "10.210.7.0/24,fd21:7::/64", NULL, { "tcp/80", "udp/53" }, DROP, D_DROP, NULL },
	{ 7, "10.210.8.0/24,fd21:8::/64", NULL, { "tcp/80", "udp/53" }, PROXY, D_DROP, "15010" },
	{ 8, "10.210.9.0/24,fd21:9::/64", NULL, { "tcp/80", "udp/53" }, PROXY, D_DROP, "15011" },
	{ 9, "10.210.10.0/24", NULL, { "tcp/80" }, TPROXY_ACTION_NONE, D_DROP, NULL },
	{ 10, "10.210.11.0/24,fd21:b::/64", "10.99.0.0/24,fd99::/64", { "tcp/80" }, PASS, 0, NULL },
	{ 11, "10.210.12.0/24,fd21:c::/64", NULL, { "tcp" }, PASS, 0, NULL },
	{ 12, "10.210.13.0/24", NULL, { "tcp/1000-1010", "udp/65535" }, DROP, 0, NULL },
	{ 13, "10.210.14.0/24", NULL, { "udp" }, PASS, 0, NULL },
	{ 14, "10.210.15.0/24,fd21:f::/64", NULL, { "tcp/80", "udp/53" }, PROXY, D_DROP, NULL },
	{ 15, "10.210.16.0/24", NULL, { "tcp/80" }, PROXY, D_DROP, "10.98.0.2:15020" },
	{ 16, "fd21:10::/64", NULL, { "udp/53" }, PROXY, D_DROP, "[fd98::2]:15021" },
	{ 17, "10.210.17.0/24", NULL, { "tcp/80", "udp/53" }, PROXY, D_PASS, "10.98.0.2:15020" },
	{ 20, "10.210.20.0/24", NULL, { "tcp/80" }, PASS, 0, NULL },
	{ 21, "10.210.20.0/24", NULL, { "tcp/80" }, DROP, 0, NULL },
	{ 29, "10.210.30.128/25,fd21:30:8000::/33", NULL, { "tcp/80" }, DROP, 0, NULL },
	{ 30, "10.210.30.0/24,fd21:30::/32", NULL, { "tcp/80" }, PASS, 0, NULL },
	{ 31, "10.210.31.0/24", NULL, { "tcp/80" }, PASS, 0, NULL },
	{ 32, "10.210.31.128/25", NULL, { "tcp/80" }, DROP, 0, NULL },
	{ 40, "10.210.40.0/24", NULL, { "tcp" }, PASS, 0, NULL },
	{ 41, "10.210.40.0/24", NULL, { "tcp/80" }, DROP, 0, NULL },
	{ 42, "10.210.42.0/24", NULL, { "tcp/80" }, DROP, 0, NULL },
	{ 43, "10.210.42.0/24", NULL, { "tcp" }, PASS, 0, NULL },
	{ 50, "10.210.50.77,fd21:50::77", "10.99.5.5,fd99::55", { "tcp/443" }, DROP, 0, NULL },
	{ 62, "10.210.63.0/24", "10.99.7.0/24", { "tcp/80" }, DROP, 0, NULL },
	{ 63, "10.210.63.0/24,fd21:63::/64", NULL, { "tcp/80" }, PASS, 0, NULL },
};

/* clang-format off */
static const struct packet_case action_cases[] = {
	{ "proxy: TCP", { .dst = "10.210.1.9", TCP80 }, WANTED(0) },
	{ "proxy: UDP", { .dst = "10.210.1.9", UDP53 }, WANTED(0) },
	{ "proxy: IPv6 TCP", { .dst = "fd21:1::9", TCP80 }, WANTED(0) },
	{ "proxy: IPv6 UDP", { .dst = "fd21:1::9", UDP53 }, WANTED(0) },
	{ "proxy, listener refused, on-down pass", { .dst = "10.210.2.9", TCP80 },
	  PASSED(C(ASSIGN_FAILED) | C(DOWN_PASS), 1) },
	{ "proxy, listener refused, on-down pass, IPv6 UDP", { .dst = "fd21:2::9", UDP53 },
	  PASSED(C(ASSIGN_FAILED) | C(DOWN_PASS), 1) },
	{ "no listener, on-down drop", { .dst = "10.210.3.9", TCP80 }, SHOT(C(DOWN_DROP), 2) },
	{ "no listener, on-down drop, UDP", { .dst = "10.210.3.9", UDP53 },
	  SHOT(C(DOWN_DROP), 2) },
	{ "no listener, on-down drop, IPv6", { .dst = "fd21:3::9", TCP80 },
	  SHOT(C(DOWN_DROP), 2) },
	{ "no listener, on-down drop, IPv6 UDP", { .dst = "fd21:3::9", UDP53 },
	  SHOT(C(DOWN_DROP), 2) },
	{ "no listener, on-down pass", { .dst = "10.210.4.9", TCP80 }, PASSED(C(DOWN_PASS), 3) },
	{ "no listener, on-down pass, UDP", { .dst = "10.210.4.9", UDP53 },
	  PASSED(C(DOWN_PASS), 3) },
	{ "no listener, on-down pass, IPv6", { .dst = "fd21:4::9", TCP80 },
	  PASSED(C(DOWN_PASS), 3) },
	{ "pass", { .dst = "10.210.6.9", TCP80 }, PASSED(C(RULE_PASS), 5) },
	{ "pass, UDP", { .dst = "10.210.6.9", UDP53 }, PASSED(C(RULE_PASS), 5) },
	{ "pass, IPv6", { .dst = "fd21:6::9", TCP80 }, PASSED(C(RULE_PASS), 5) },
	{ "pass, IPv6 UDP", { .dst = "fd21:6::9", UDP53 }, PASSED(C(RULE_PASS), 5) },
	{ "pass, not the start of a flow", { .dst = "10.210.6.9", TCP80, .flags = ACK }, NOTHING },
	{ "drop", { .dst = "10.210.7.9", TCP80 }, SHOT(C(RULE_DROP), 6) },
	{ "drop, UDP", { .dst = "10.210.7.9", UDP53 }, SHOT(C(RULE_DROP), 6) },
	{ "drop, IPv6", { .dst = "fd21:7::9", TCP80 }, SHOT(C(RULE_DROP), 6) },
	{ "drop, IPv6 UDP", { .dst = "fd21:7::9", UDP53 }, SHOT(C(RULE_DROP), 6) },
	{ "drop, not the start of a flow", { .dst = "10.210.7.9", TCP80, .flags = FIN | ACK },
	  NOTHING },
	{ "drop counts the bytes of the IP packet", { .dst = "10.210.7.9", UDP53, .payload = 1200 },
	  SHOT(C(RULE_DROP), 6) },
	{ "drop counts the bytes of the IPv6 packet",
	  { .dst = "fd21:7::9", UDP53, .payload = 1200 }, SHOT(C(RULE_DROP), 6) },
	{ "unused entry", { .dst = "10.210.10.9", TCP80 }, NOTHING },
};
/* clang-format on */

/* clang-format off */
static const struct packet_case listener_cases[] = {
	{ "listener by port", { .dst = "10.210.8.9", TCP80 }, WANTED(7) },
	{ "listener by port, UDP", { .dst = "10.210.8.9", UDP53 }, WANTED(7) },
	{ "listener by port, IPv6", { .dst = "fd21:8::9", TCP80 }, WANTED(7) },
	{ "listener by port, IPv6 UDP", { .dst = "fd21:8::9", UDP53 }, WANTED(7) },
	{ "no listener on the port", { .dst = "10.210.9.9", TCP80 }, SHOT(C(DOWN_DROP), 8) },
	{ "no listener on the port, UDP", { .dst = "10.210.9.9", UDP53 }, SHOT(C(DOWN_DROP), 8) },
	{ "no listener on the port, IPv6", { .dst = "fd21:9::9", TCP80 }, SHOT(C(DOWN_DROP), 8) },
	{ "no listener on the port, IPv6 UDP", { .dst = "fd21:9::9", UDP53 }, SHOT(C(DOWN_DROP), 8) },
	{ "listener by address", { .dst = "10.210.16.9", TCP80 }, WANTED(15) },
	{ "listener by address, to which the client has a connection of its own",
	  { .src = "10.98.0.1", .dst = "10.210.16.9", TCP80 }, WANTED(15) },
	{ "listener by address, IPv6 UDP", { .dst = "fd21:10::9", UDP53 }, WANTED(16) },
	{ "only a TCP listener there: TCP", { .dst = "10.210.17.9", TCP80 },
	  PASSED(C(ASSIGN_FAILED) | C(DOWN_PASS), 17) },
	{ "only a TCP listener there: UDP", { .dst = "10.210.17.9", UDP53 },
	  PASSED(C(DOWN_PASS), 17) },
	{ "a dual-stack listener takes IPv4", { .dst = "10.210.15.9", TCP80 }, WANTED(14) },
	{ "an IPv4 listener does not take IPv6", { .dst = "fd21:f::9", TCP80 },
	  SHOT(C(DOWN_DROP), 14) },
	{ "a TCP listener does not take UDP", { .dst = "10.210.15.9", UDP53 },
	  SHOT(C(DOWN_DROP), 14) },
	{ "a connected UDP socket is no listener", { .dst = "fd21:f::9", UDP53 },
	  SHOT(C(DOWN_DROP), 14) },
	/* Its listener is put into a slot, and sk_lookup gives it the whole datagram. */
	{ "first fragment, listener by port",
	  { .dst = "10.210.8.9", UDP53, .frag = MF, .payload = 16 },
	  KEPT_BY(C(STEERED) | C(FRAG_FIRST), 7) },
};
/* clang-format on */

/* clang-format off */
static const struct packet_case dimension_cases[] = {
	{ "another destination", { .dst = "10.210.0.255", TCP80 }, NOTHING },
	{ "another destination above", { .dst = "10.210.18.0", TCP80 }, NOTHING },
	{ "another IPv6 destination", { .dst = "fd21:1:0:1::9", TCP80 }, NOTHING },
	{ "first address of the prefix", { .dst = "10.210.1.0", TCP80 }, WANTED(0) },
	{ "last address of the prefix", { .dst = "10.210.1.255", TCP80 }, WANTED(0) },
	{ "last address of the IPv6 prefix",
	  { .dst = "fd21:1::ffff:ffff:ffff:ffff", TCP80 }, WANTED(0) },
	{ "port one below", { .dst = "10.210.1.9", .dport = 79 }, NOTHING },
	{ "port one above", { .dst = "10.210.1.9", .dport = 81 }, NOTHING },
	{ "port in the other byte order", { .dst = "10.210.1.9", .dport = 80 << 8 }, NOTHING },
	{ "the port is the source's", { .dst = "10.210.1.9", .sport = 80, .dport = 9 }, NOTHING },
	{ "port 0", { .dst = "10.210.1.9" }, NOTHING },
	{ "port of the other protocol", { .dst = "10.210.1.9", .dport = 53 }, NOTHING },
	{ "protocol of the other port",
	  { .dst = "10.210.1.9", .proto = IPPROTO_UDP, .dport = 80 }, NOTHING },
	{ "source matches", { .src = "10.99.0.200", .dst = "10.210.11.1", TCP80 },
	  PASSED(C(RULE_PASS), 10) },
	{ "source does not", { .src = "10.99.1.0", .dst = "10.210.11.1", TCP80 }, NOTHING },
	{ "IPv6 source matches", { .src = "fd99::77", .dst = "fd21:b::1", TCP80 },
	  PASSED(C(RULE_PASS), 10) },
	{ "IPv6 source does not", { .src = "fd99:0:0:1::1", .dst = "fd21:b::1", TCP80 }, NOTHING },
	{ "the other way round", { .src = "10.210.1.9", .dst = "10.99.0.1", TCP80 }, NOTHING },
	{ "hosts match", { .src = "10.99.5.5", .dst = "10.210.50.77", .dport = 443 },
	  SHOT(C(RULE_DROP), 50) },
	{ "neighbour of the host", { .src = "10.99.5.5", .dst = "10.210.50.76", .dport = 443 },
	  NOTHING },
	{ "neighbour of the source", { .src = "10.99.5.4", .dst = "10.210.50.77", .dport = 443 },
	  NOTHING },
	{ "IPv6 hosts match", { .src = "fd99::55", .dst = "fd21:50::77", .dport = 443 },
	  SHOT(C(RULE_DROP), 50) },
	{ "neighbour of the IPv6 host", { .src = "fd99::55", .dst = "fd21:50::78", .dport = 443 },
	  NOTHING },
	{ "every TCP port: 1", { .dst = "10.210.12.1", .dport = 1 }, PASSED(C(RULE_PASS), 11) },
	{ "every TCP port: 65535", { .dst = "10.210.12.1", .dport = 65535 },
	  PASSED(C(RULE_PASS), 11) },
	{ "every TCP port: 0", { .dst = "10.210.12.1" }, PASSED(C(RULE_PASS), 11) },
	{ "every TCP port: IPv6", { .dst = "fd21:c::1", .dport = 4711 },
	  PASSED(C(RULE_PASS), 11) },
	{ "every TCP port: no UDP", { .dst = "10.210.12.1", .proto = IPPROTO_UDP, .dport = 80 },
	  NOTHING },
	{ "every UDP port", { .dst = "10.210.14.1", .proto = IPPROTO_UDP, .dport = 4711 },
	  PASSED(C(RULE_PASS), 13) },
	{ "every UDP port: no TCP", { .dst = "10.210.14.1", TCP80 }, NOTHING },
	{ "range: below", { .dst = "10.210.13.1", .dport = 999 }, NOTHING },
	{ "range: first", { .dst = "10.210.13.1", .dport = 1000 }, SHOT(C(RULE_DROP), 12) },
	{ "range: inside", { .dst = "10.210.13.1", .dport = 1005 }, SHOT(C(RULE_DROP), 12) },
	{ "range: last", { .dst = "10.210.13.1", .dport = 1010 }, SHOT(C(RULE_DROP), 12) },
	{ "range: above", { .dst = "10.210.13.1", .dport = 1011 }, NOTHING },
	{ "UDP port 65535", { .dst = "10.210.13.1", .proto = IPPROTO_UDP, .dport = 65535 },
	  SHOT(C(RULE_DROP), 12) },
};
/* clang-format on */

/* clang-format off */
static const struct packet_case order_cases[] = {
	{ "first of two equal rules", { .dst = "10.210.20.1", TCP80 }, PASSED(C(RULE_PASS), 20) },
	{ "more specific rule first", { .dst = "10.210.30.200", TCP80 }, SHOT(C(RULE_DROP), 29) },
	{ "outside of the more specific", { .dst = "10.210.30.100", TCP80 },
	  PASSED(C(RULE_PASS), 30) },
	{ "more specific rule first, IPv6", { .dst = "fd21:30:8000::1", TCP80 },
	  SHOT(C(RULE_DROP), 29) },
	{ "outside of the more specific, IPv6", { .dst = "fd21:30::1", TCP80 },
	  PASSED(C(RULE_PASS), 30) },
	{ "more specific rule last", { .dst = "10.210.31.200", TCP80 }, PASSED(C(RULE_PASS), 31) },
	{ "every port before one port", { .dst = "10.210.40.1", TCP80 },
	  PASSED(C(RULE_PASS), 40) },
	{ "one port before every port", { .dst = "10.210.42.1", TCP80 }, SHOT(C(RULE_DROP), 42) },
	{ "one port before every port, another", { .dst = "10.210.42.1", .dport = 81 },
	  PASSED(C(RULE_PASS), 43) },
	{ "rule 63", { .dst = "10.210.63.1", TCP80 }, PASSED(C(RULE_PASS), 63) },
	{ "rule 63, IPv6", { .dst = "fd21:63::1", TCP80 }, PASSED(C(RULE_PASS), 63) },
	{ "rule 62 before rule 63", { .src = "10.99.7.1", .dst = "10.210.63.1", TCP80 },
	  SHOT(C(RULE_DROP), 62) },
};
/* clang-format on */

/* ---- interfaces --------------------------------------------------------- */

static const __u8 mac_out[ETH_ALEN] = { 2, 0, 0, 0, 0, 2 };
#define VIA_OUT .mac = mac_out

/* clang-format off */
static const struct packet_case out_cases[] = {
	{ "interface with some rules: one of them", { .dst = "10.210.7.9", TCP80, VIA_OUT },
	  SHOT(C(RULE_DROP), 6) },
	{ "interface with some rules: another", { .dst = "10.210.6.9", TCP80, VIA_OUT }, NOTHING },
	{ "interface with some rules: second of two equal", { .dst = "10.210.20.1", TCP80, VIA_OUT },
	  SHOT(C(RULE_DROP), 21) },
	{ "interface with some rules: rule 63", { .dst = "fd21:63::1", TCP80, VIA_OUT },
	  PASSED(C(RULE_PASS), 63) },
};
/* clang-format on */

static const struct packet_case divert_cases[] = {
	{ "interface without rules", { .dst = "10.210.7.9", TCP80, VIA_OUT }, NOTHING },
	{ "interface without rules, IPv6", { .dst = "fd21:7::9", UDP53, VIA_OUT }, NOTHING },
};

static const struct packet_case unknown_cases[] = {
	{ "interface that is not in the map", { .dst = "10.210.7.9", TCP80, VIA_OUT }, NOTHING },
	{ "interface that is not in the map, IPv6",
	  { .dst = "fd21:7::9", UDP53, VIA_OUT },
	  NOTHING },
};

static void check_on_out(const struct world *w, const struct packet_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct packet p;

		packet_build(&cases[i].spec, &p);
		check_packet_on(w, w->out, cases[i].name, &cases[i].spec, &p, &cases[i].want);
	}
}

static void test_interfaces(const struct world *w)
{
	int ifaces = bpf_map__fd(w->skel->maps.ifaces);

	check_on_out(w, unknown_cases, ARRAY_SIZE(unknown_cases));
	set_iface(ifaces, w->out, 1ULL << 6 | 1ULL << 21 | 1ULL << 63);
	check_on_out(w, out_cases, ARRAY_SIZE(out_cases));
	set_iface(ifaces, w->out, 0);
	check_on_out(w, divert_cases, ARRAY_SIZE(divert_cases));
}

/* ---- sockets the rules steer to ----------------------------------------- */

static void open_proxies(const struct world *w)
{
	int rule_map = bpf_map__fd(w->skel->maps.rules);
	int v4 = listen_on("127.0.0.1", 15031), dual = listen_on("::", 15030);
	int connected = connect_to(bound_socket(SOCK_DGRAM, "::1", 15032), "::1", 15033);

	start_relay(w, GROUP_RELAY, 15002);
	for (__u32 rule = 2; rule <= 3; rule++)
		set_group(rule_map, rule, GROUP_EMPTY);
	set_group(rule_map, 14, GROUP_ODD);
	register_socket(w, GROUP_ODD, TPROXY_TCP4, dual);
	register_socket(w, GROUP_ODD, TPROXY_TCP6, v4);
	register_socket(w, GROUP_ODD, TPROXY_UDP4, v4);
	register_socket(w, GROUP_ODD, TPROXY_UDP6, connected);
	listen_on("127.0.0.1", 15010);
	listen_on("::1", 15010);
	bound_socket(SOCK_DGRAM, "127.0.0.1", 15010);
	bound_socket(SOCK_DGRAM, "::1", 15010);
	open_tcp("10.98.0.2", "10.98.0.1", 15020);
	bound_socket(SOCK_DGRAM, "fd98::2", 15021);
}

int main(void)
{
	struct world w = { 0 };

	world_open(&w);
	fill_policy(policy_maps_maps(&w), rules, ARRAY_SIZE(rules));
	open_proxies(&w);
	check_cases(&w, action_cases, ARRAY_SIZE(action_cases));
	check_cases(&w, listener_cases, ARRAY_SIZE(listener_cases));
	check_cases(&w, dimension_cases, ARRAY_SIZE(dimension_cases));
	check_cases(&w, order_cases, ARRAY_SIZE(order_cases));
	test_interfaces(&w);
	world_close(&w);
	return tap_done();
}
