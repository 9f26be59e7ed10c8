/* SPDX-License-Identifier: BSD-2-Clause */
/* tproxy_ingress and ICMP errors: kept if a local socket owns the flow that they quote. */
#include <netinet/ip_icmp.h>

#include "owner_world.h"

/* clang-format off */
#define ROUTER4 .src = "10.210.0.1"
#define ROUTER6 .src = "fd21::1"
#define TO4 { ROUTER4, .dst = SERVER4 }
#define TO6 { ROUTER6, .dst = SERVER6 }
#define SENT4 { .src = SERVER4, .dst = CLIENT4, .sport = 7000, .dport = CLIENT_PORT, .flags = ACK }
#define SENT6 { .src = SERVER6, .dst = CLIENT6, .sport = 7000, .dport = CLIENT_PORT, .flags = ACK }
#define UDP_SENT(from, to) { .src = from, .dst = to, .proto = IPPROTO_UDP, .sport = 53, .dport = CLIENT_PORT }
#define ERROR_KEPT KEPT(C(ICMP_OWNED))
/* clang-format on */

static const struct {
	const char *name;
	struct spec outer;
	__u8 type;
	struct spec quoted;
	size_t length; /* of the quote; 0: all of it */
	struct want want;
	/* clang-format off */
} icmp_cases[] = {
	{ "unreachable", TO4, ICMP_DEST_UNREACH, SENT4, 0, ERROR_KEPT },
	{ "time exceeded", TO4, ICMP_TIME_EXCEEDED, SENT4, 0, ERROR_KEPT },
	{ "parameter problem", TO4, ICMP_PARAMETERPROB, SENT4, 0, ERROR_KEPT },
	{ "echo reply", TO4, ICMP_ECHOREPLY, SENT4, 0, NOTHING },
	{ "source quench", TO4, ICMP_SOURCE_QUENCH, SENT4, 0, NOTHING },
	{ "redirect", TO4, ICMP_REDIRECT, SENT4, 0, NOTHING },
	{ "echo request", TO4, ICMP_ECHO, SENT4, 0, NOTHING },
	{ "type 255", TO4, 255, SENT4, 0, NOTHING },
	{ "quote of the header and eight bytes", TO4, 3, SENT4, 28, ERROR_KEPT },
	{ "quote of the header and the ports", TO4, 3, SENT4, 24, ERROR_KEPT },
	{ "quote ends within the ports", TO4, 3, SENT4, 23, NOTHING },
	{ "quote ends at the ports", TO4, 3, SENT4, 20, NOTHING },
	{ "quote ends within the header", TO4, 3, SENT4, 19, NOTHING },
	{ "quote of one byte", TO4, 3, SENT4, 1, NOTHING },
	{ "quote of a connecting socket", { ROUTER4, .dst = CLIENT4 }, 3,
	  { .src = CLIENT4, .dst = "10.210.200.1", .sport = 41000, .dport = 9 }, 0, ERROR_KEPT },
	{ "quote of another port of the peer", { ROUTER4, .dst = CLIENT4 }, 3,
	  { .src = CLIENT4, .dst = "10.210.200.1", .sport = 41000, .dport = 10 }, 0, NOTHING },
	{ "quote of another peer", { ROUTER4, .dst = CLIENT4 }, 3,
	  { .src = CLIENT4, .dst = "10.210.200.2", .sport = 41000, .dport = 9 }, 0, NOTHING },
	{ "quote of another port of ours", { ROUTER4, .dst = CLIENT4 }, 3,
	  { .src = CLIENT4, .dst = "10.210.200.1", .sport = 41001, .dport = 9 }, 0, NOTHING },
	{ "quote of a packet we received", { ROUTER4, .dst = "10.210.4.77" }, 3,
	  { .src = "10.99.0.1", .dst = "10.210.4.77", UDP53 }, 0, NOTHING },
	{ "quote with options", TO4, 3,
	  { .src = SERVER4, .dst = CLIENT4, .sport = 7000, .dport = CLIENT_PORT,
	    .middle = BYTES(1, 1, 1, 1) }, 0, ERROR_KEPT },
	{ "quote with options, cut before the ports", TO4, 3,
	  { .src = SERVER4, .dst = CLIENT4, .sport = 7000, .dport = CLIENT_PORT,
	    .middle = BYTES(1, 1, 1, 1) }, 24, NOTHING },
	{ "quote of a first fragment", TO4, 3,
	  { .src = SERVER4, .dst = CLIENT4, .sport = 7000, .dport = CLIENT_PORT, .frag = MF }, 0,
	  ERROR_KEPT },
	{ "quote of a later fragment", TO4, 3,
	  { .src = SERVER4, .dst = CLIENT4, .sport = 7000, .dport = CLIENT_PORT, .frag = 3 }, 0,
	  NOTHING },
	{ "quote of version 6", TO4, 3,
	  { .src = SERVER4, .dst = CLIENT4, .sport = 7000, .dport = CLIENT_PORT, .version = 6 }, 0,
	  NOTHING },
	{ "quote of IHL 4", TO4, 3,
	  { .src = SERVER4, .dst = CLIENT4, .sport = 7000, .dport = CLIENT_PORT, .ihl = 4 }, 0,
	  NOTHING },
	{ "quote of ICMP", TO4, 3,
	  { .src = SERVER4, .dst = CLIENT4, .proto = IPPROTO_ICMP, .sport = 7000,
	    .dport = CLIENT_PORT }, 0, NOTHING },
	{ "quote of connected UDP", { ROUTER4, .dst = "10.210.4.77" }, 3,
	  UDP_SENT("10.210.4.77", "10.99.0.1"), 0, ERROR_KEPT },
	{ "quote of connected UDP, another peer", { ROUTER4, .dst = "10.210.4.77" }, 3,
	  UDP_SENT("10.210.4.77", "10.99.0.2"), 0, NOTHING },
	{ "quote of a foreign reply socket", { ROUTER4, .dst = "10.210.4.78" }, 3,
	  UDP_SENT("10.210.4.78", "10.99.0.2"), 0, ERROR_KEPT },
	{ "quote of a wildcard listener's port", { ROUTER4, .dst = "10.210.4.1" }, 3,
	  { .src = "10.210.4.1", .dst = "10.99.0.1", .sport = 8080, .dport = CLIENT_PORT }, 0,
	  NOTHING },
	{ "quote of a flow in TIME_WAIT", TO4, 3,
	  { .src = SERVER4, .dst = CLIENT4, .sport = 7100, .dport = CLIENT_PORT }, 0, ERROR_KEPT },
	{ "error to multicast", { ROUTER4, .dst = "224.0.0.1" }, 3, SENT4, 0, NOTHING },
	{ "error after options", { ROUTER4, .dst = SERVER4, .middle = BYTES(1, 1, 1, 1) }, 3, SENT4,
	  0, ERROR_KEPT },
	{ "error, source-routed", { ROUTER4, .dst = SERVER4, .middle = BYTES(131, 3, 4, 0) }, 3, SENT4,
	  0, NOTHING },
	{ "error with our mark", { ROUTER4, .dst = SERVER4, .mark = MARK }, 3, SENT4, 0,
	  KEPT(C(ICMP_OWNED) | C(FORGED_MARK)) },
	{ "ICMPv6 in IPv4", { ROUTER4, .dst = SERVER4, .proto = IPPROTO_ICMPV6 }, 3, SENT4, 0,
	  NOTHING },
	{ "error to this host's own address", { ROUTER4, .dst = "10.77.1.1" }, 3,
	  { .src = "10.77.1.1", .dst = CLIENT4, .sport = 7004, .dport = CLIENT_PORT }, 0, NOTHING },
	{ "IPv6 type 0", TO6, 0, SENT6, 0, NOTHING },
	{ "IPv6 unreachable", TO6, 1, SENT6, 0, ERROR_KEPT },
	{ "IPv6 packet too big", TO6, 2, SENT6, 0, ERROR_KEPT },
	{ "IPv6 time exceeded", TO6, 3, SENT6, 0, ERROR_KEPT },
	{ "IPv6 parameter problem", TO6, 4, SENT6, 0, ERROR_KEPT },
	{ "IPv6 type 5", TO6, 5, SENT6, 0, NOTHING },
	{ "IPv6 echo request", TO6, 128, SENT6, 0, NOTHING },
	{ "IPv6 echo reply", TO6, 129, SENT6, 0, NOTHING },
	{ "IPv6 router advertisement", TO6, 134, SENT6, 0, NOTHING },
	{ "IPv6 neighbour solicitation", TO6, 135, SENT6, 0, NOTHING },
	{ "IPv6 redirect", TO6, 137, SENT6, 0, NOTHING },
	{ "IPv6 quote of the header and the ports", TO6, 1, SENT6, 44, ERROR_KEPT },
	{ "IPv6 quote ends within the ports", TO6, 1, SENT6, 43, NOTHING },
	{ "IPv6 quote ends within the header", TO6, 1, SENT6, 39, NOTHING },
	{ "IPv6 quote of an answer to a client that a rule gives to the proxy", { ROUTER6, .dst = "fd21:1::77" }, 1,
	  UDP_SENT("fd21:1::77", "fd99::2"), 0, ERROR_KEPT },
	{ "IPv6 quote of version 4", TO6, 1,
	  { .src = SERVER6, .dst = CLIENT6, .sport = 7000, .dport = CLIENT_PORT, .version = 4 }, 0,
	  NOTHING },
	{ "IPv6 quote of connected UDP", { ROUTER6, .dst = "fd21:1::77" }, 1,
	  UDP_SENT("fd21:1::77", "fd99::1"), 0, ERROR_KEPT },
	{ "IPv6 quote of a first fragment", { ROUTER6, .dst = "fd21:1::77" }, 2,
	  { .src = "fd21:1::77", .dst = "fd99::1", .proto = IPPROTO_UDP, .sport = 53,
	    .dport = CLIENT_PORT, FRAGMENT6(0, 1, 9) }, 0, ERROR_KEPT },
	{ "IPv6 quote of a later fragment", { ROUTER6, .dst = "fd21:1::77" }, 2,
	  { .src = "fd21:1::77", .dst = "fd99::1", .proto = IPPROTO_UDP, .sport = 53,
	    .dport = CLIENT_PORT, FRAGMENT6(8, 1, 9) }, 0, NOTHING },
	{ "IPv6 error after an extension header",
	  { ROUTER6, .dst = SERVER6, .proto = IPPROTO_ICMPV6, .next = 60, .middle = BYTES(EXT(58)) }, 1,
	  SENT6, 0, ERROR_KEPT },
	{ "IPv6 error to a link-local address", { ROUTER6, .dst = "fe80::1" }, 1, SENT6, 0, NOTHING },
};
/* clang-format on */

static void test_icmp(const struct world *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(icmp_cases); i++) {
		struct packet p;
		char name[100];

		packet_build_icmp(&icmp_cases[i].outer, icmp_cases[i].type, &icmp_cases[i].quoted,
				  icmp_cases[i].length, &p);
		snprintf(name, sizeof(name), "ICMP: %s", icmp_cases[i].name);
		check_packet(w, name, &icmp_cases[i].outer, &p, &icmp_cases[i].want);
	}
}

int main(void)
{
	struct world w = { 0 };

	owner_world_open(&w);
	leave_time_wait(SERVER4, CLIENT4, 7100);
	test_icmp(&w);
	world_close(&w);
	return tap_done();
}
