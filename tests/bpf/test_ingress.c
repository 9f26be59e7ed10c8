/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tproxy_ingress and headers: flags, link layer, IPv4, IPv6, truncated packets. One rule wants
 * everything, so a packet that is left alone is left alone because of its headers.
 */
#include "run.h"

#define V4 "10.210.1.5"
#define V6 "fd21:1::5"
#define MALFORMED_ SHOT(C(MALFORMED), NO_RULE)
#define SOURCE_ROUTED SHOT(C(SOURCE_ROUTE), NO_RULE)
#define ROUTING_HEADER_ SHOT(C(ROUTING_HEADER), NO_RULE)
#define NO_ADDRESSES NOTHING /* no rule can mean a packet without addresses */

static const struct rule_spec rules[] = {
	{ 0, "all", NULL, { "tcp/80", "udp/53" }, TPROXY_ACTION_PROXY, 0, NULL },
};

/* ---- TCP flags ---------------------------------------------------------- */

static const struct {
	const char *name;
	__u16 flags;
	bool start; /* begins a flow */
} flag_cases[] = {
	{ "SYN", SYN, true },
	{ "SYN with ECN bits", SYN | ECE | CWR, true },
	{ "SYN with PSH and URG", SYN | PSH | URG, true },
	{ "ACK", ACK, false },
	{ "ACK with PSH", ACK | PSH, false },
	{ "SYN ACK", SYN | ACK, false },
	{ "FIN", FIN, false },
	{ "FIN ACK", FIN | ACK, false },
	{ "RST", RST, false },
	{ "RST ACK", RST | ACK, false },
	{ "SYN FIN", SYN | FIN, true }, /* RFC 9293 3.10.7.2: receivers may take it */
	{ "SYN RST", SYN | RST, false },
	{ "SYN ACK FIN", SYN | ACK | FIN, false },
	{ "everything at once", 0xff, false },
	{ "no flag", NO_FLAGS, false },
	{ "PSH and URG alone", PSH | URG, false },
};

static void test_flags(const struct world *w)
{
	static const struct want wanted = WANTED(0), nothing = NOTHING;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(flag_cases); i++) {
		size_t n = i / 2;
		char name[80];
		struct packet_case c = {
			.name = name,
			.spec = { .dst = i % 2 ? V6 : V4, TCP80, .flags = flag_cases[n].flags },
			.want = flag_cases[n].start ? wanted : nothing,
		};

		snprintf(name, sizeof(name), "IPv%d TCP, no socket: %s", i % 2 ? 6 : 4,
			 flag_cases[n].name);
		check_case(w, &c);
	}
}

/* ---- link layer --------------------------------------------------------- */

static const __u8 mac_all[ETH_ALEN] = { 255, 255, 255, 255, 255, 255 };
static const __u8 mac_group[ETH_ALEN] = { 1, 0, 0x5e, 0, 0, 1 };
static const __u8 mac_group6[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };
static const __u8 mac_other[ETH_ALEN] = { 2, 0, 0, 0, 0, 7 };

static const struct packet_case link_cases[] = {
	{ "IPv4 UDP", { .dst = V4, UDP53, .payload = 100 }, WANTED(0) },
	{ "IPv6 UDP", { .dst = V6, UDP53, .payload = 100 }, WANTED(0) },
	{ "UDP without payload", { .dst = V4, UDP53 }, WANTED(0) },
	{ "IPv6 UDP without payload", { .dst = V6, UDP53 }, WANTED(0) },
	{ "TCP SYN with payload", { .dst = V4, TCP80, .payload = 1000 }, WANTED(0) },
	{ "broadcast frame", { .dst = V4, TCP80, .mac = mac_all }, NOTHING },
	{ "multicast frame", { .dst = V4, TCP80, .mac = mac_group }, NOTHING },
	{ "IPv6 multicast frame", { .dst = V6, TCP80, .mac = mac_group6 }, NOTHING },
	{ "frame for another host", { .dst = V4, TCP80, .mac = mac_other }, NOTHING },
	{ "ARP", { .dst = V4, TCP80, .ethertype = ETH_P_ARP }, NOTHING },
	{ "LLDP", { .dst = V4, TCP80, .ethertype = 0x88cc }, NOTHING },
	{ "MPLS", { .dst = V4, TCP80, .ethertype = ETH_P_MPLS_UC }, NOTHING },
	{ "802.3 length", { .dst = V4, TCP80, .ethertype = 0x0100 }, NOTHING },
	{ "IPv6 in an IPv4 frame", { .dst = V6, TCP80, .ethertype = ETH_P_IP }, NO_ADDRESSES },
	{ "IPv4 in an IPv6 frame",
	  { .dst = V4, TCP80, .ethertype = ETH_P_IPV6, .payload = 20 },
	  NO_ADDRESSES },
};

/* ---- IPv4 --------------------------------------------------------------- */

/* clang-format off */
static const struct packet_case ip4_cases[] = {
	{ "version 0", { .dst = V4, TCP80, .version = 16 }, NO_ADDRESSES },
	{ "version 5", { .dst = V4, TCP80, .version = 5 }, NO_ADDRESSES },
	{ "version 15", { .dst = V4, TCP80, .version = 15 }, NO_ADDRESSES },
	{ "IHL 0", { .dst = V4, TCP80, .ihl = 0xff }, NO_ADDRESSES },
	{ "IHL 1", { .dst = V4, TCP80, .ihl = 1 }, NO_ADDRESSES },
	{ "IHL 4", { .dst = V4, TCP80, .ihl = 4 }, NO_ADDRESSES },
	{ "DF is no fragment", { .dst = V4, TCP80, .frag = DF }, WANTED(0) },
	{ "SCTP", { .dst = V4, TCP80, .proto = IPPROTO_SCTP }, NOTHING },
	{ "GRE", { .dst = V4, TCP80, .proto = IPPROTO_GRE }, NOTHING },
	{ "UDP-Lite", { .dst = V4, .proto = IPPROTO_UDPLITE, .dport = 53 }, NOTHING },
	{ "protocol 0", { .dst = V4, .body = BYTES(0, 80, 0, 80), .proto = 256 }, NOTHING },
	{ "IPv6 in IPv4", { .dst = V4, .proto = IPPROTO_IPV6, .dport = 80 }, NOTHING },
	{ "options: NOPs", { .dst = V4, TCP80, .middle = BYTES(1, 1, 1, 1) }, WANTED(0) },
	{ "options: end", { .dst = V4, TCP80, .middle = BYTES(0, 0, 0, 0) }, WANTED(0) },
	{ "options: record route", { .dst = V4, TCP80, .middle = BYTES(7, 7, 4, 0, 0, 0, 0, 0) },
	  WANTED(0) },
	{ "options: time stamp", { .dst = V4, TCP80, .middle = BYTES(68, 8, 5, 0, 0, 0, 0, 0) },
	  WANTED(0) },
	{ "options: router alert and UDP", { .dst = V4, UDP53, .middle = BYTES(148, 4, 0, 0) },
	  WANTED(0) },
	{ "options: unknown", { .dst = V4, TCP80, .middle = BYTES(222, 3, 9, 1) }, WANTED(0) },
	{ "options: all forty bytes NOP",
	  { .dst = V4, TCP80,
	    .middle = BYTES(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
			    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1) },
	  WANTED(0) },
	{ "options: one of forty bytes",
	  { .dst = V4, UDP53,
	    .middle = BYTES(7, 39, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
	  WANTED(0) },
	{ "loose source route",
	  { .dst = V4, TCP80, .middle = BYTES(131, 7, 4, 10, 0, 0, 1, 0) }, SOURCE_ROUTED },
	{ "strict source route",
	  { .dst = V4, TCP80, .middle = BYTES(137, 7, 4, 10, 0, 0, 1, 0) }, SOURCE_ROUTED },
	{ "source route and UDP",
	  { .dst = V4, UDP53, .middle = BYTES(131, 7, 4, 10, 0, 0, 1, 0) }, SOURCE_ROUTED },
	{ "source route after NOPs",
	  { .dst = V4, TCP80, .middle = BYTES(1, 1, 1, 131, 3, 4, 0, 0) }, SOURCE_ROUTED },
	{ "source route after record route",
	  { .dst = V4, TCP80, .middle = BYTES(7, 5, 4, 0, 0, 137, 3, 4) }, SOURCE_ROUTED },
	{ "source route as the last of forty bytes",
	  { .dst = V4, TCP80,
	    .middle = BYTES(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
			    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 131, 3, 4) },
	  SOURCE_ROUTED },
	{ "source route after the end is none",
	  { .dst = V4, TCP80, .middle = BYTES(0, 131, 3, 4) }, WANTED(0) },
	{ "source route within another option is none",
	  { .dst = V4, TCP80, .middle = BYTES(7, 8, 4, 131, 3, 4, 137, 3) }, WANTED(0) },
	{ "a TCP port of 131 is no option",
	  { .dst = V4, TCP80, .sport = 131 << 8 | 3, .middle = BYTES(1, 1, 1, 1) }, WANTED(0) },
	{ "option length 0", { .dst = V4, TCP80, .middle = BYTES(7, 0, 0, 0) }, MALFORMED_ },
	{ "option length 1", { .dst = V4, TCP80, .middle = BYTES(7, 1, 0, 0) }, MALFORMED_ },
	{ "option longer than the header",
	  { .dst = V4, TCP80, .middle = BYTES(7, 5, 4, 0) }, MALFORMED_ },
	{ "option length 255", { .dst = V4, TCP80, .middle = BYTES(7, 255, 4, 0) }, MALFORMED_ },
	{ "option without a length", { .dst = V4, TCP80, .middle = BYTES(1, 1, 1, 7) },
	  MALFORMED_ },
	{ "second option of length 0", { .dst = V4, TCP80, .middle = BYTES(1, 7, 0, 0) },
	  MALFORMED_ },
	{ "IHL beyond the packet", { .dst = V4, UDP53, .ihl = 15 }, MALFORMED_ },
	{ "options cut off after the end of their list",
	  { .dst = V4, .proto = IPPROTO_SCTP, .middle = BYTES(0, 0, 0, 0), .cut = 22 }, NOTHING },
	{ "options, and nothing after them",
	  { .dst = V4, .proto = IPPROTO_SCTP, .middle = BYTES(1, 1, 1, 1), .cut = 24 }, NOTHING },
	{ "options cut off", { .dst = V4, TCP80, .middle = BYTES(1, 1, 1, 1), .cut = 22 },
	  MALFORMED_ },
};
/* clang-format on */

/* ---- IPv6 --------------------------------------------------------------- */

/* clang-format off */
static const struct packet_case ip6_cases[] = {
	{ "IPv6 version 0", { .dst = V6, TCP80, .version = 16 }, NO_ADDRESSES },
	{ "IPv6 version 4", { .dst = V6, TCP80, .version = 4 }, NO_ADDRESSES },
	{ "IPv6 version 7", { .dst = V6, TCP80, .version = 7 }, NO_ADDRESSES },
	{ "IPv6 SCTP", { .dst = V6, TCP80, .proto = IPPROTO_SCTP }, NOTHING },
	{ "no next header", { .dst = V6, TCP80, .proto = IPPROTO_NONE }, NOTHING },
	{ "ESP", { .dst = V6, TCP80, .proto = IPPROTO_ESP }, NOTHING },
	{ "mobility header is not walked",
	  { .dst = V6, TCP80, .next = IPPROTO_MH, .middle = BYTES(EXT(TCP)) }, NOTHING },
	{ "hop-by-hop", { .dst = V6, TCP80, .next = HOP, .middle = BYTES(EXT(TCP)) }, WANTED(0) },
	{ "hop-by-hop and UDP", { .dst = V6, UDP53, .next = HOP, .middle = BYTES(EXT(UDP)) },
	  WANTED(0) },
	{ "hop-by-hop of 16 bytes",
	  { .dst = V6, TCP80, .next = HOP, .middle = BYTES(EXT16(TCP)) }, WANTED(0) },
	{ "destination options", { .dst = V6, TCP80, .next = DST, .middle = BYTES(EXT(TCP)) },
	  WANTED(0) },
	{ "routing header, no segments left",
	  { .dst = V6, TCP80, .next = RT, .middle = BYTES(RTHDR(TCP, 0)) }, WANTED(0) },
	{ "routing header, one segment left",
	  { .dst = V6, TCP80, .next = RT, .middle = BYTES(RTHDR(TCP, 1)) }, ROUTING_HEADER_ },
	{ "routing header, 255 segments left, UDP",
	  { .dst = V6, UDP53, .next = RT, .middle = BYTES(RTHDR(UDP, 255)) }, ROUTING_HEADER_ },
	{ "routing header after hop-by-hop",
	  { .dst = V6, TCP80, .next = HOP, .middle = BYTES(EXT(RT), RTHDR(TCP, 1)) },
	  ROUTING_HEADER_ },
	{ "byte 3 of other headers is no segment count",
	  { .dst = V6, TCP80, .next = DST, .middle = BYTES(TCP, 0, 1, 4, 1, 1, 1, 1) }, WANTED(0) },
	{ "authentication header", { .dst = V6, TCP80, .next = AUTH, .middle = BYTES(AHDR(TCP)) },
	  WANTED(0) },
	{ "authentication header and UDP",
	  { .dst = V6, UDP53, .next = AUTH, .middle = BYTES(AHDR(UDP)) }, WANTED(0) },
	{ "hop-by-hop, options, routing, AH, options",
	  { .dst = V6, TCP80, .next = HOP,
	    .middle = BYTES(EXT(DST), EXT16(RT), RTHDR(AUTH, 0), AHDR(DST), EXT(TCP)) },
	  WANTED(0) },
	{ "atomic fragment",
	  { .dst = V6, TCP80, .next = FRG, .middle = BYTES(FRAGHDR(TCP, 0, 0, 7)) }, WANTED(0) },
	{ "atomic fragment and UDP",
	  { .dst = V6, UDP53, .next = FRG, .middle = BYTES(FRAGHDR(UDP, 0, 0, 7)) }, WANTED(0) },
	{ "extension headers, then SCTP",
	  { .dst = V6, TCP80, .next = HOP, .middle = BYTES(EXT(IPPROTO_SCTP)) }, NOTHING },
	{ "chain of seven",
	  { .dst = V6, TCP80, .next = HOP,
	    .middle = BYTES(EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(TCP)) },
	  WANTED(0) },
	{ "chain of eight",
	  { .dst = V6, TCP80, .next = HOP,
	    .middle = BYTES(EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST),
			    EXT(TCP)) },
	  WANTED(0) },
	{ "chain of nine",
	  { .dst = V6, TCP80, .next = HOP,
	    .middle = BYTES(EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST),
			    EXT(DST), EXT(TCP)) },
	  SHOT(C(HIDDEN_CHAIN), NO_RULE) },
	{ "chain of nine, the last cut off: not looked at",
	  { .dst = V6, TCP80, .next = HOP, .cut = IP6_LEN + 8 * 8 + 2,
	    .middle = BYTES(EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST),
			    EXT(DST), EXT(TCP)) },
	  SHOT(C(HIDDEN_CHAIN), NO_RULE) },
	{ "extension header beyond the packet",
	  { .dst = V6, TCP80, .next = HOP, .middle = BYTES(TCP, 255, 1, 4, 0, 0, 0, 0) },
	  MALFORMED_ },
	{ "extension header cut off",
	  { .dst = V6, TCP80, .next = HOP, .middle = BYTES(EXT(TCP)), .cut = 43 }, MALFORMED_ },
	{ "fragment header cut off",
	  { .dst = V6, TCP80, .next = FRG, .middle = BYTES(FRAGHDR(TCP, 0, 0, 7)), .cut = 47 },
	  MALFORMED_ },
	{ "nothing after an extension header",
	  { .dst = V6, TCP80, .next = HOP, .middle = BYTES(EXT(TCP)), .cut = 48 }, MALFORMED_ },
	{ "TCP after an extension header cut off",
	  { .dst = V6, TCP80, .next = HOP, .middle = BYTES(EXT(TCP)), .cut = 61 }, MALFORMED_ },
	{ "UDP after an extension header, nothing else",
	  { .dst = V6, UDP53, .next = HOP, .middle = BYTES(EXT(UDP)) }, WANTED(0) },
};
/* clang-format on */

/* ---- truncation --------------------------------------------------------- */

/* Some kernels refuse to run a frame that is shorter than its IP header. */
static bool runs(const struct world *w, struct packet *p)
{
	static struct outcome o;

	run_on(w, w->in, 0, p, &o);
	return o.err != -EINVAL;
}

/* A packet cut after each byte of its headers; it needs `enough` bytes. */
static void test_truncated(const struct world *w, const char *what, struct spec spec, __u16 enough,
			   __u16 all)
{
	static const struct want wanted = WANTED(0), malformed = MALFORMED_;
	static const struct want nothing = NO_ADDRESSES;
	const __u16 ip_header = spec_is_v6(&spec) ? IP6_LEN : IP4_LEN;

	for (__u16 cut = 1; cut < all; cut++) {
		struct packet p;
		char name[80];

		spec.cut = cut;
		packet_build(&spec, &p);
		snprintf(name, sizeof(name), "%s, %u bytes of %u", what, cut, all);
		if (runs(w, &p))
			check_packet(w, name, &spec, &p,
				     cut < ip_header ? &nothing :
				     cut < enough    ? &malformed :
						       &wanted);
	}
}

int main(void)
{
	const struct spec tcp4 = { .dst = V4, TCP80 }, udp4 = { .dst = V4, UDP53 };
	const struct spec tcp6 = { .dst = V6, TCP80 }, udp6 = { .dst = V6, UDP53 };
	struct world w = { 0 };

	world_open(&w);
	fill_policy(policy_maps_maps(&w), rules, ARRAY_SIZE(rules));
	start_relay(&w, 0, 15002);
	test_flags(&w);
	check_cases(&w, link_cases, ARRAY_SIZE(link_cases));
	check_cases(&w, ip4_cases, ARRAY_SIZE(ip4_cases));
	check_cases(&w, ip6_cases, ARRAY_SIZE(ip6_cases));
	test_truncated(&w, "IPv4 TCP", tcp4, IP4_LEN + 14, IP4_LEN + TCP_LEN);
	test_truncated(&w, "IPv4 UDP", udp4, IP4_LEN + UDP_LEN, IP4_LEN + UDP_LEN);
	test_truncated(&w, "IPv6 TCP", tcp6, IP6_LEN + 14, IP6_LEN + TCP_LEN);
	test_truncated(&w, "IPv6 UDP", udp6, IP6_LEN + UDP_LEN, IP6_LEN + UDP_LEN);
	world_close(&w);
	return tap_done();
}
