/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets whose ports or flags tproxy_ingress cannot read, and packets that only look so: lengths
 * that headers declare, padding, priority tags, overlapping fragments. If a rule could mean them,
 * they are dropped, or passed if the configuration says so.
 */
#include "run.h"

#define V4 "10.210.1.5"
#define V6 "fd21:1::5"
#define NOBODY4 "10.210.9.5" /* no rule */
#define NOBODY6 "fd21:9::5"
#define TAG0 0, 0, 0x81, 0
#define TAG0_IP 0, 0, 8, 0
#define TAG0_IP6 0, 0, 0x86, 0xdd
#define DROPPED_AS(counter) SHOT(C(counter), NO_RULE)

/* clang-format off */
static const struct rule_spec rules[] = {
	{ 0, "10.210.1.0/24,fd21:1::/64", NULL, { "tcp/80", "udp/53" }, TPROXY_ACTION_PROXY, 0,
	  NULL },
	{ 1, "10.210.2.0/24,fd21:2::/64", "10.99.7.0/24,fd99:7::/64", { "tcp/80", "udp/53" },
	  TPROXY_ACTION_DROP, 0, NULL },
};
/* clang-format on */

/* ---- what a link puts around a packet ----------------------------------- */

/* clang-format off */
static const struct packet_case tag_cases[] = {
	{ "a priority tag", { .dst = V4, TCP80, .ethertype = ETH_P_8021Q, .tags = BYTES(TAG0_IP) },
	  WANTED(0) },
	{ "a priority tag, IPv6",
	  { .dst = V6, TCP80, .ethertype = ETH_P_8021Q, .tags = BYTES(TAG0_IP6) }, WANTED(0) },
	{ "a priority tag with all priority bits",
	  { .dst = V4, UDP53, .ethertype = ETH_P_8021Q, .tags = BYTES(0xf0, 0, 8, 0) }, WANTED(0) },
	{ "a priority tag of 802.1ad",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021AD, .tags = BYTES(TAG0_IP) }, WANTED(0) },
	{ "two priority tags",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021Q, .tags = BYTES(TAG0, TAG0_IP) }, WANTED(0) },
	{ "two priority tags, UDP, IPv6",
	  { .dst = V6, UDP53, .ethertype = ETH_P_8021Q, .tags = BYTES(TAG0, TAG0_IP6) },
	  WANTED(0) },
	{ "priority tags of both kinds",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021AD,
	    .tags = BYTES(TAG0, 0, 0, 0x88, 0xa8, TAG0_IP) }, WANTED(0) },
	{ "eight priority tags",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021Q,
	    .tags = BYTES(TAG0, TAG0, TAG0, TAG0, TAG0, TAG0, TAG0, TAG0_IP) }, WANTED(0) },
	{ "nine priority tags",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021Q,
	    .tags = BYTES(TAG0, TAG0, TAG0, TAG0, TAG0, TAG0, TAG0, TAG0, TAG0_IP) },
	  DROPPED_AS(VLAN_TAGS) },
	{ "a priority tag, options and a padded tail",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021Q, .tags = BYTES(TAG0_IP),
	    .middle = BYTES(1, 1, 1, 1), .pad = BYTES(0, 0, 0, 0, 0, 0) }, WANTED(0) },
	{ "a priority tag and a destination without a rule",
	  { .dst = NOBODY4, TCP80, .ethertype = ETH_P_8021Q, .tags = BYTES(TAG0_IP) }, NOTHING },
	{ "a VLAN's tag",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021Q, .tags = BYTES(0, 5, 8, 0) }, NOTHING },
	{ "a VLAN's tag after a priority tag",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021Q, .tags = BYTES(TAG0, 0, 5, 8, 0) },
	  NOTHING },
	{ "the highest VLAN",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021Q, .tags = BYTES(0x0f, 0xff, 8, 0) }, NOTHING },
	{ "ARP after a priority tag",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021Q, .tags = BYTES(0, 0, 8, 6) }, NOTHING },
	{ "IPv6 after a tag that says IPv4",
	  { .dst = V6, TCP80, .ethertype = ETH_P_8021Q, .tags = BYTES(TAG0_IP) }, NOTHING },
};
/* clang-format on */

/* With these flags the SYN of a tiny fragment would look like a packet of an older flow. */
#define FAKE_ACK 0, 0, 0, 0, 0x50, ACK, 0, 0, 0, 0, 0, 0

/* clang-format off */
static const struct packet_case length_cases[] = {
	{ "padding after a SYN", { .dst = V4, TCP80, .pad = BYTES(0, 0, 0, 0, 0, 0) }, WANTED(0) },
	{ "padding after a datagram, IPv6", { .dst = V6, UDP53, .pad = BYTES(1, 2, 3) }, WANTED(0) },
	{ "a first fragment of eight bytes, padded with flags",
	  { .dst = V4, .sport = 41001, TCP80, .frag = MF, .id = 1, .cut = IP4_LEN + 8,
	    .declared = IP4_LEN + 8, .pad = BYTES(FAKE_ACK) }, DROPPED_AS(HIDDEN) },
	{ "its second fragment, from offset 16 on",
	  { .dst = V4, .frag = 2, .id = 1, .body = BYTES(0, 0, 0, 0, 0, 0, 0, 0) },
	  DROPPED_AS(FRAG_DROP) },
	{ "a first fragment of thirteen bytes, padded",
	  { .dst = V4, TCP80, .frag = MF, .id = 2, .cut = IP4_LEN + 13, .declared = IP4_LEN + 13,
	    .pad = BYTES(ACK, 0, 0, 0, 0, 0, 0) }, DROPPED_AS(HIDDEN) },
	{ "a first fragment of four bytes of UDP, padded",
	  { .dst = V4, UDP53, .frag = MF, .id = 3, .cut = IP4_LEN + 4, .declared = IP4_LEN + 4,
	    .pad = BYTES(0, 8, 0, 0) }, DROPPED_AS(HIDDEN) },
	{ "an IPv6 first fragment of eight bytes, padded",
	  { .dst = V6, TCP80, .next = FRG, .middle = BYTES(FRAGHDR(TCP, 0, 1, 4)),
	    .cut = IP6_LEN + 16, .declared = 16, .pad = BYTES(FAKE_ACK) }, DROPPED_AS(HIDDEN) },
	{ "an IPv6 first fragment whose next header is padding",
	  { .dst = V6, TCP80, .next = FRG, .middle = BYTES(FRAGHDR(DST, 0, 1, 5)),
	    .cut = IP6_LEN + 8, .declared = 8, .pad = BYTES(IPPROTO_GRE, 0, 1, 4, 0, 0, 0, 0) },
	  DROPPED_AS(HIDDEN) },
	{ "a SYN that ends before its flags, padded",
	  { .dst = V4, TCP80, .declared = IP4_LEN + 13 }, DROPPED_AS(MALFORMED) },
	{ "a SYN that ends after its flags", { .dst = V4, TCP80, .declared = IP4_LEN + 14 },
	  WANTED(0) },
	{ "a total length of the header alone", { .dst = V4, TCP80, .declared = IP4_LEN },
	  DROPPED_AS(MALFORMED) },
	{ "a total length below the header", { .dst = V4, TCP80, .declared = 8 },
	  DROPPED_AS(MALFORMED) },
	{ "a total length of 0", { .dst = V4, TCP80, .declared = 0xffff },
	  DROPPED_AS(MALFORMED) },
	{ "a total length of 0, UDP", { .dst = V4, UDP53, .declared = 0xffff },
	  DROPPED_AS(MALFORMED) },
	{ "a total length of 0, SCTP", { .dst = V4, .proto = IPPROTO_SCTP, .declared = 0xffff },
	  NOTHING },
	{ "a first fragment with a total length of 0",
	  { .dst = V4, TCP80, .frag = MF, .id = 6, .declared = 0xffff }, DROPPED_AS(HIDDEN) },
	{ "a payload length of 0", { .dst = V6, TCP80, .declared = 0xffff },
	  DROPPED_AS(MALFORMED) },
	{ "a payload length of 0 after hop-by-hop options",
	  { .dst = V6, TCP80, .next = HOP, .middle = BYTES(EXT(TCP)), .declared = 0xffff },
	  WANTED(0) },
	{ "a payload length of 0 after destination options",
	  { .dst = V6, TCP80, .next = DST, .middle = BYTES(EXT(TCP)), .declared = 0xffff },
	  DROPPED_AS(MALFORMED) },
	{ "a payload length that ends before the flags", { .dst = V6, TCP80, .declared = 13 },
	  DROPPED_AS(MALFORMED) },
	{ "a payload length that ends within UDP", { .dst = V6, UDP53, .declared = 7 },
	  DROPPED_AS(MALFORMED) },
	{ "an extension header beyond the payload length",
	  { .dst = V6, TCP80, .next = DST, .middle = BYTES(EXT(TCP)), .declared = 3 },
	  DROPPED_AS(MALFORMED) },
};
/* clang-format on */

/* ---- fragments that overlap --------------------------------------------- */

#define EIGHT .body = BYTES(0, 0, 0, 0, 0x50, SYN, 0, 0)

/* clang-format off */
static const struct packet_case overlap_cases[] = {
	{ "TCP at offset 8", { .dst = V4, .frag = MF | 1, .id = 20, EIGHT },
	  DROPPED_AS(FRAG_OVERLAP) },
	{ "TCP at offset 8, the last fragment", { .dst = V4, .frag = 1, .id = 20, EIGHT },
	  DROPPED_AS(FRAG_OVERLAP) },
	{ "TCP at offset 16", { .dst = V4, .frag = 2, .id = 21, EIGHT }, COUNTED(C(FRAG_MISS)) },
	{ "TCP at offset 8, no rule for the address", { .dst = NOBODY4, .frag = 1, .id = 22, EIGHT },
	  COUNTED(C(FRAG_MISS)) },
	{ "UDP at offset 8",
	  { .dst = V4, .proto = IPPROTO_UDP, .frag = 1, .id = 23, EIGHT }, COUNTED(C(FRAG_MISS)) },
	{ "IPv6 TCP at offset 8",
	  { .dst = V6, .next = FRG, .middle = BYTES(FRAGHDR(TCP, 8, 0, 24)), EIGHT },
	  DROPPED_AS(FRAG_OVERLAP) },
	{ "IPv6 UDP at offset 8",
	  { .dst = V6, .next = FRG, .middle = BYTES(FRAGHDR(UDP, 8, 0, 25)), EIGHT },
	  COUNTED(C(FRAG_MISS)) },
	{ "IPv6 TCP at offset 8, no rule for the address",
	  { .dst = NOBODY6, .next = FRG, .middle = BYTES(FRAGHDR(TCP, 8, 0, 26)), EIGHT },
	  COUNTED(C(FRAG_MISS)) },
};
/* clang-format on */

/* ---- where a rule could mean them, and where not ------------------------ */

#define LSRR .middle = BYTES(131, 7, 4, 10, 0, 0, 1, 0)

/* clang-format off */
static const struct packet_case concern_cases[] = {
	{ "a source route to an address without a rule", { .dst = NOBODY4, TCP80, LSRR },
	  DROPPED_AS(SOURCE_ROUTE) },
	{ "a source route to this host", { .dst = "10.77.1.1", UDP53, LSRR },
	  DROPPED_AS(SOURCE_ROUTE) },
	{ "a source route and SCTP", { .dst = V4, .proto = IPPROTO_SCTP, LSRR }, NOTHING },
	{ "a later fragment with a source route", { .dst = V4, .frag = 3, .id = 30, LSRR, },
	  DROPPED_AS(SOURCE_ROUTE) },
	{ "a routing header to an address without a rule",
	  { .dst = NOBODY6, TCP80, .next = RT, .middle = BYTES(RTHDR(TCP, 1)) },
	  DROPPED_AS(ROUTING_HEADER) },
	{ "a routing header and SCTP",
	  { .dst = V6, .next = RT, .middle = BYTES(RTHDR(IPPROTO_SCTP, 1)) }, NOTHING },
	{ "a routing header before ICMPv6",
	  { .dst = V6, .next = RT, .middle = BYTES(RTHDR(IPPROTO_ICMPV6, 2)) }, NOTHING },
	{ "nine headers, no rule for the address",
	  { .dst = NOBODY6, TCP80, .next = HOP,
	    .middle = BYTES(EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST),
			    EXT(DST), EXT(TCP)) }, NOTHING },
	{ "cut off, no rule for the address", { .dst = NOBODY4, TCP80, .cut = IP4_LEN + 4 },
	  NOTHING },
	{ "cut off, to this host", { .dst = "10.77.1.1", TCP80, .cut = IP4_LEN + 4 }, NOTHING },
	{ "cut off, to multicast", { .dst = "224.0.0.1", TCP80, .cut = IP4_LEN + 4 }, NOTHING },
	{ "cut off, a rule for another source",
	  { .dst = "10.210.2.5", TCP80, .cut = IP4_LEN + 4 }, NOTHING },
	{ "cut off, a rule for this source",
	  { .src = "10.99.7.1", .dst = "10.210.2.5", TCP80, .cut = IP4_LEN + 4 },
	  DROPPED_AS(MALFORMED) },
};
/* clang-format on */

/* ---- unreadable = pass -------------------------------------------------- */

/* clang-format off */
static const struct packet_case pass_cases[] = {
	{ "pass: a source route", { .dst = V4, TCP80, LSRR }, COUNTED(C(SOURCE_ROUTE)) },
	{ "pass: a routing header",
	  { .dst = V6, TCP80, .next = RT, .middle = BYTES(RTHDR(TCP, 1)) },
	  COUNTED(C(ROUTING_HEADER)) },
	{ "pass: cut off", { .dst = V4, TCP80, .cut = IP4_LEN + 4 }, COUNTED(C(MALFORMED)) },
	{ "pass: a tiny first fragment",
	  { .dst = V4, TCP80, .frag = MF, .id = 40, .cut = IP4_LEN + 8, .declared = IP4_LEN + 8 },
	  COUNTED(C(HIDDEN)) },
	{ "pass: its later one", { .dst = V4, .frag = 1, .id = 40, EIGHT },
	  COUNTED(C(FRAG_OVERLAP) | C(FRAG_MISS)) },
	{ "pass: nine tags",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021Q,
	    .tags = BYTES(TAG0, TAG0, TAG0, TAG0, TAG0, TAG0, TAG0, TAG0, TAG0_IP) },
	  COUNTED(C(VLAN_TAGS)) },
	{ "pass: a packet that can be read", { .dst = V4, TCP80 }, WANTED(0) },
};
/* clang-format on */

static void test_pass(const struct world *w)
{
	struct tproxy_config config;

	read_config(w, &config);
	config.unreadable = TPROXY_UNREADABLE_PASS;
	write_config(w, &config);
	check_cases(w, pass_cases, ARRAY_SIZE(pass_cases));
	config.unreadable = TPROXY_UNREADABLE_DROP;
	write_config(w, &config);
}

/* On an interface without rules no packet is dropped. */
/* clang-format off */
static const struct packet_case no_rules_cases[] = {
	{ "no rules here: nine tags",
	  { .dst = V4, TCP80, .ethertype = ETH_P_8021Q,
	    .tags = BYTES(TAG0, TAG0, TAG0, TAG0, TAG0, TAG0, TAG0, TAG0, TAG0_IP) }, NOTHING },
	{ "no rules here: a source route", { .dst = V4, TCP80, LSRR }, NOTHING },
	{ "no rules here: cut off", { .dst = V4, TCP80, .cut = IP4_LEN + 4 }, NOTHING },
};
/* clang-format on */

int main(void)
{
	struct world w = { 0 };

	world_open(&w);
	fill_policy(policy_maps_maps(&w), rules, ARRAY_SIZE(rules));
	start_relay(&w, 0, 15002);
	set_local(&w, "10.77.1.1");
	check_cases(&w, tag_cases, ARRAY_SIZE(tag_cases));
	check_cases(&w, length_cases, ARRAY_SIZE(length_cases));
	check_cases(&w, overlap_cases, ARRAY_SIZE(overlap_cases));
	check_cases(&w, concern_cases, ARRAY_SIZE(concern_cases));
	test_pass(&w);
	set_iface(bpf_map__fd(w.skel->maps.ifaces), w.in, 0);
	check_cases(&w, no_rules_cases, ARRAY_SIZE(no_rules_cases));
	world_close(&w);
	return tap_done();
}
