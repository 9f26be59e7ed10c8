/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tproxy_ingress and the sockets of this host: packets of a flow that one of them owns are kept
 * whatever the rules say, others are not. With them TIME_WAIT.
 */
#include "owner_world.h"

/* ---- TCP ---------------------------------------------------------------- */

/* clang-format off */
static const struct packet_case tcp_cases[] = {
	{ "TCP flow: ACK", { TO_SERVER4(7000), .flags = ACK }, KEPT(C(OWNED)) },
	{ "TCP flow: data", { TO_SERVER4(7000), .flags = ACK | PSH, .payload = 99 },
	  KEPT(C(OWNED)) },
	{ "TCP flow: SYN, against a drop rule", { TO_SERVER4(7000) }, KEPT(C(OWNED)) },
	{ "TCP flow: FIN", { TO_SERVER4(7000), .flags = FIN | ACK }, KEPT(C(OWNED)) },
	{ "TCP flow: RST", { TO_SERVER4(7000), .flags = RST }, KEPT(C(OWNED)) },
	{ "TCP flow: SYN ACK", { TO_SERVER4(7000), .flags = SYN | ACK }, KEPT(C(OWNED)) },
	{ "TCP flow: the other direction", { TO_CLIENT4(7000), .flags = ACK }, KEPT(C(OWNED)) },
	{ "TCP flow: IPv6", { TO_SERVER6(7000), .flags = ACK }, KEPT(C(OWNED)) },
	{ "TCP flow: IPv6 SYN", { TO_SERVER6(7000) }, KEPT(C(OWNED)) },
	{ "TCP flow: IPv6, the other direction", { TO_CLIENT6(7000), .flags = ACK },
	  KEPT(C(OWNED)) },
	{ "TCP flow: after IPv4 options",
	  { TO_SERVER4(7000), .flags = ACK, .middle = BYTES(1, 1, 1, 1) }, KEPT(C(OWNED)) },
	{ "TCP flow: after an extension header",
	  { TO_SERVER6(7000), .flags = ACK, .next = 0, .middle = BYTES(EXT(6)) }, KEPT(C(OWNED)) },
	{ "TCP flow: source-routed",
	  { TO_SERVER4(7000), .flags = ACK, .middle = BYTES(131, 3, 4, 0) },
	  SHOT(C(SOURCE_ROUTE), NO_RULE) },
	{ "TCP flow: others' mark stays", { TO_SERVER4(7000), .flags = ACK, .mark = 0xff },
	  KEPT(C(OWNED)) },
	{ "TCP flow: forged mark",
	  { TO_SERVER4(7000), .flags = ACK, .mark = MASK | 1 }, KEPT(C(OWNED) | C(FORGED_MARK)) },
	{ "not the flow: client's port",
	  { TO_SERVER4(7000), .sport = CLIENT_PORT + 1, .flags = ACK }, NOTHING },
	{ "not the flow: client's address",
	  { .src = "10.98.0.3", .dst = SERVER4, .dport = 7000, .flags = ACK }, NOTHING },
	{ "not the flow: server's address",
	  { .src = CLIENT4, .dst = "10.98.0.4", .dport = 7000, .flags = ACK }, NOTHING },
	{ "not the flow: server's port", { TO_SERVER4(7009), .flags = ACK }, NOTHING },
	{ "not the flow: IPv6 client", { .src = "fd98::3", .dst = SERVER6, .dport = 7000, .flags = ACK },
	  NOTHING },
	{ "IPv4 flow of an IPv6 socket", { TO_SERVER4(7001), .flags = ACK }, KEPT(C(OWNED)) },
	{ "connecting: SYN ACK", { .src = "10.210.200.1", .dst = CLIENT4, .sport = 9, .dport = 41000,
				  .flags = SYN | ACK }, KEPT(C(OWNED)) },
	{ "connecting: RST", { .src = "10.210.200.1", .dst = CLIENT4, .sport = 9, .dport = 41000,
			       .flags = RST | ACK }, KEPT(C(OWNED)) },
	{ "handshake not complete", { TO_SERVER4(7003), .flags = ACK }, KEPT(C(OWNED)) },
};
/* clang-format on */

/* clang-format off */
static const struct packet_case listener_cases[] = {
	{ "wildcard listener, no rule", { .dst = "10.210.4.1", .dport = 8080 }, NOTHING },
	{ "wildcard listener, no rule, IPv6", { .dst = "fd21:4::1", .dport = 8080 }, NOTHING },
	{ "wildcard listener, no rule, ACK", { .dst = "10.210.4.1", .dport = 8080, .flags = ACK },
	  NOTHING },
	{ "IPv4 wildcard listener, no rule", { .dst = "10.210.4.1", .dport = 8081 }, NOTHING },
	{ "wildcard listener and a rule", { .dst = "10.210.1.1", .dport = 8080 }, WANTED(0) },
	{ "wildcard listener and a rule, IPv6", { .dst = "fd21:1::1", .dport = 8080 }, WANTED(0) },
	{ "listener on a foreign address", { .dst = "10.210.4.88", .dport = 80 },
	  KEPT(C(FOREIGN_LISTENER)) },
	{ "listener on a foreign address, IPv6", { .dst = "fd21:4::88", .dport = 80 },
	  KEPT(C(FOREIGN_LISTENER)) },
	{ "listener on a foreign address, ACK", { .dst = "10.210.4.88", .dport = 80, .flags = ACK },
	  NOTHING },
	{ "listener on a foreign address, RST", { .dst = "10.210.4.88", .dport = 80, .flags = RST },
	  NOTHING },
	{ "listener on a foreign address, FIN ACK",
	  { .dst = "10.210.4.88", .dport = 80, .flags = FIN | ACK }, NOTHING },
	{ "listener on a foreign address, its neighbour", { .dst = "10.210.4.89", .dport = 80 },
	  NOTHING },
	{ "listener on a foreign address, another port", { .dst = "10.210.4.88", .dport = 81 },
	  NOTHING },
	{ "listener on a foreign address by IP_FREEBIND", { .dst = "10.210.4.90", .dport = 80 },
	  KEPT(C(FOREIGN_LISTENER)) },
};
/* clang-format on */

/* ---- UDP ---------------------------------------------------------------- */

/* clang-format off */
static const struct packet_case udp_cases[] = {
	{ "connected UDP, against a rule", { .dst = "10.210.1.77", UDP53 }, KEPT(C(OWNED)) },
	{ "connected UDP, against a rule, IPv6", { .dst = "fd21:1::77", UDP53 }, KEPT(C(OWNED)) },
	{ "connected UDP, no rule", { .dst = "10.210.4.77", UDP53 }, KEPT(C(OWNED)) },
	{ "connected UDP: another client, rule", { .src = "10.99.0.2", .dst = "10.210.1.77", UDP53 },
	  WANTED(0) },
	{ "connected UDP: another client port, rule",
	  { .dst = "10.210.1.77", UDP53, .sport = CLIENT_PORT + 1 }, WANTED(0) },
	{ "connected UDP: another client, no rule",
	  { .src = "10.99.0.2", .dst = "10.210.4.77", UDP53 }, NOTHING },
	{ "connected UDP: another client, IPv6", { .src = "fd99::2", .dst = "fd21:1::77", UDP53 },
	  WANTED(0) },
	{ "connected UDP: TCP is another flow", { .dst = "10.210.4.77", .dport = 53 }, NOTHING },
	{ "connected UDP, mapped address", { .dst = "10.210.4.79", UDP53 }, KEPT(C(OWNED)) },
	{ "UDP bound to the destination: the rule first", { .dst = "10.210.1.78", UDP53 },
	  WANTED(0) },
	{ "UDP bound to the destination: the rule first, IPv6", { .dst = "fd21:1::78", UDP53 },
	  WANTED(0) },
	{ "UDP bound to the destination: pass rule", { .dst = "10.210.2.78", UDP53 },
	  PASSED(C(RULE_PASS), 1) },
	{ "UDP bound to the destination: drop rule", { .dst = "10.210.3.78", UDP53 },
	  SHOT(C(RULE_DROP), 2) },
	{ "UDP bound to the destination: no rule", { .dst = "10.210.4.78", UDP53 },
	  KEPT(C(FOREIGN_LISTENER)) },
	{ "UDP bound to the destination: no rule, IPv6", { .dst = "fd21:4::78", UDP53 },
	  KEPT(C(FOREIGN_LISTENER)) },
	/* An unconnected socket has this as its peer. */
	{ "UDP from address and port 0 to a bound socket: the rule first",
	  { .src = "0.0.0.0", .dst = "10.210.3.78", .proto = IPPROTO_UDP,
	    .body = BYTES(0, 0, 0, 53, 0, 8, 0, 0) }, SHOT(C(RULE_DROP), 2) },
	{ "UDP from address and port 0 to a wildcard socket",
	  { .src = "::", .dst = "fd21:4::1", .proto = IPPROTO_UDP,
	    .body = BYTES(0, 0, 5353 >> 8, 5353 & 0xff, 0, 8, 0, 0) }, NOTHING },
	{ "UDP bound to its neighbour", { .dst = "10.210.4.76", UDP53 }, NOTHING },
	{ "wildcard UDP, no rule", { .dst = "10.210.4.1", .proto = IPPROTO_UDP, .dport = 5353 },
	  NOTHING },
	{ "wildcard UDP, no rule, IPv6",
	  { .dst = "fd21:4::1", .proto = IPPROTO_UDP, .dport = 5353 }, NOTHING },
};
/* clang-format on */

/* ---- this host's own addresses ------------------------------------------ */

/*
 * Kept like every flow that a socket owns, although the local table would deliver them without
 * our mark: a look-up of the address would cost time for each packet of each relayed flow. No
 * rule applies to them (test_destination.c).
 */
/* clang-format off */
static const struct packet_case own_cases[] = {
	{ "own address: ACK of a flow", { .src = CLIENT4, .dst = "10.77.1.1", .dport = 7004, .flags = ACK },
	  KEPT(C(OWNED)) },
	{ "own address: listener bound to it", { .dst = "10.77.1.1", .dport = 7004 },
	  KEPT(C(FOREIGN_LISTENER)) },
	{ "own address: connected UDP", { .dst = "10.77.1.1", UDP53 }, KEPT(C(OWNED)) },
	{ "own address: UDP bound to it",
	  { .dst = "10.77.1.1", .proto = IPPROTO_UDP, .dport = 54 }, KEPT(C(FOREIGN_LISTENER)) },
};
/* clang-format on */

/* ---- TIME_WAIT ---------------------------------------------------------- */

static const struct packet_case time_wait_cases[] = {
	{ "TIME_WAIT: SYN for the relay", { TO_SERVER4(7100) }, KEPT_BY(C(TIME_WAIT), 3) },
	{ "TIME_WAIT: SYN for the relay, IPv6", { TO_SERVER6(7100) }, KEPT_BY(C(TIME_WAIT), 3) },
	{ "TIME_WAIT: ACK", { TO_SERVER4(7100), .flags = ACK }, KEPT(C(OWNED)) },
	{ "TIME_WAIT: FIN", { TO_SERVER4(7100), .flags = FIN | ACK }, KEPT(C(OWNED)) },
	{ "TIME_WAIT: RST", { TO_SERVER4(7100), .flags = RST }, KEPT(C(OWNED)) },
	{ "TIME_WAIT: SYN ACK", { TO_SERVER4(7100), .flags = SYN | ACK }, KEPT(C(OWNED)) },
	{ "TIME_WAIT: ACK, IPv6", { TO_SERVER6(7100), .flags = ACK }, KEPT(C(OWNED)) },
	{ "TIME_WAIT: SYN for a proxy that is not registered",
	  { TO_SERVER4(7101) },
	  KEPT_BY(C(TIME_WAIT), 4) },
	{ "TIME_WAIT: SYN, pass rule", { TO_SERVER4(7102) }, PASSED(C(RULE_PASS), 5) },
	{ "TIME_WAIT: SYN, drop rule", { TO_SERVER4(7104) }, SHOT(C(RULE_DROP), 7) },
	{ "TIME_WAIT: SYN, no rule", { TO_SERVER4(7103) }, NOTHING },
	{ "TIME_WAIT: ACK, no rule", { TO_SERVER4(7103), .flags = ACK }, KEPT(C(OWNED)) },
};

/* The destination is an address of lo: with forwarding on it would count as unrouted. */
static void test_time_wait(const struct world *w)
{
	for (__u16 port = 7100; port <= 7104; port++)
		leave_time_wait(SERVER4, CLIENT4, port);
	leave_time_wait(SERVER6, CLIENT6, 7100);
	set_forwarding(false);
	check_cases(w, time_wait_cases, ARRAY_SIZE(time_wait_cases));
	set_forwarding(true);
	expect_ticket(w, "ticket of a re-opened flow", (struct spec){ TO_SERVER4(7100) }, 3);
	expect_ticket(w, "ticket of a re-opened IPv6 flow", (struct spec){ TO_SERVER6(7100) }, 3);
	expect_found_ticket(w, "ticket of a flow re-opened to a proxy that is found by address",
			    (struct spec){ TO_SERVER4(7101) }, 4);
}

int main(void)
{
	struct world w = { 0 };

	owner_world_open(&w);
	check_cases(&w, tcp_cases, ARRAY_SIZE(tcp_cases));
	check_cases(&w, listener_cases, ARRAY_SIZE(listener_cases));
	check_cases(&w, udp_cases, ARRAY_SIZE(udp_cases));
	check_cases(&w, own_cases, ARRAY_SIZE(own_cases));
	test_time_wait(&w);
	world_close(&w);
	return tap_done();
}
