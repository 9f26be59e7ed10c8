/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tproxy_ingress and the sockets of this host: packets of a flow that one of them
 * owns are kept whatever the rules say, and nothing else is. With them fragments,
 * ICMP errors, TIME_WAIT and SYN cookies.
 *
 * Real connections run over lo, between addresses that are not in the local map and
 * are therefore foreign to the program. Packets never enter the stack: BPF_PROG_TEST_RUN
 * only looks.
 */
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>

#include "flows.h"
#include "run.h"

/* A packet of the server of the flow on a port; TO_SERVER4 and TO_SERVER6 are the client's. */
#define TO_CLIENT4(port) .src = SERVER4, .dst = CLIENT4, .sport = (port), .dport = CLIENT_PORT
#define TO_CLIENT6(port) .src = SERVER6, .dst = CLIENT6, .sport = (port), .dport = CLIENT_PORT

/* clang-format off */
static const struct rule_spec rules[] = {
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

/* ---- TCP ------------------------------------------------------------------ */

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
	{ "TCP flow: behind IPv4 options",
	  { TO_SERVER4(7000), .flags = ACK, .middle = BYTES(1, 1, 1, 1) }, KEPT(C(OWNED)) },
	{ "TCP flow: behind an extension header",
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

/* ---- UDP ------------------------------------------------------------------ */

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
	/* What the missing peer of an unconnected socket looks like. */
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

/* ---- this host's own addresses -------------------------------------------- */

/*
 * Kept like every flow a socket owns, though they would get here unmarked too: the
 * local table comes before our rule, and asking whose address it is would make each
 * packet of each relayed flow dearer. A rule never reaches them (test_ingress).
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

/* ---- TIME_WAIT ------------------------------------------------------------ */

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

/* ---- tickets -------------------------------------------------------------- */

static struct tproxy_flow_key flow_key(const struct spec *spec)
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

/* The ticket names a slot of the rule's group and of the flow's class. */
static void expect_ticket(const struct world *w, const char *name, struct spec spec, __u32 rule)
{
	struct tproxy_flow_key key = flow_key(&spec);
	bool udp = spec.proto == IPPROTO_UDP;
	enum tproxy_class cls = (udp ? TPROXY_UDP4 : TPROXY_TCP4) + spec_is_v6(&spec);
	struct tproxy_ticket ticket = { 0 };
	int err = bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.tickets), &key, &ticket);

	if (!tap_ok(!err && ticket.rule == rule && ticket.slot / TPROXY_GROUP_WAYS == cls, name))
		tap_comment("error %d, slot %u, rule %u", err, ticket.slot, ticket.rule);
}

/* The ticket names the slot that the program lends to the listener of this rule. */
static void expect_lent_ticket(const struct world *w, const char *name, struct spec spec,
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

static void expect_no_ticket(const struct world *w, const char *name, struct spec spec)
{
	struct tproxy_flow_key key = flow_key(&spec);
	struct tproxy_ticket ticket;

	tap_ok(bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.tickets), &key, &ticket) == -ENOENT,
	       name);
}

/* ---- fragments ------------------------------------------------------------ */

#define REST .body = BYTES(1, 2, 3, 4, 5, 6, 7, 8)
#define FRAGMENT6(offset, more, id) .next = 44, .middle = BYTES(FRAGHDR(17, offset, more, id))
#define FRAGMENT6_TCP(offset, more, id) .next = 44, .middle = BYTES(FRAGHDR(6, offset, more, id))
#define U .proto = IPPROTO_UDP

/* clang-format off */
static const struct packet_case fragment_cases[] = {
	{ "later fragment before the first", { .dst = "10.210.1.9", U, .frag = 2, .id = 7, REST },
	  COUNTED(C(FRAG_MISS)) },
	{ "first fragment", { .dst = "10.210.1.9", UDP53, .frag = MF, .id = 7, .payload = 8 },
	  KEPT_BY(C(STEERED) | C(FRAG_FIRST), 0) },
	{ "last fragment", { .dst = "10.210.1.9", U, .frag = 2, .id = 7, REST },
	  KEPT(C(FRAG_NEXT)) },
	{ "middle fragment", { .dst = "10.210.1.9", U, .frag = MF | 2, .id = 7, REST },
	  KEPT(C(FRAG_NEXT)) },
	{ "fragment of largest offset", { .dst = "10.210.1.9", U, .frag = 0x1fff, .id = 7, REST },
	  KEPT(C(FRAG_NEXT)) },
	{ "later fragment, others' mark",
	  { .dst = "10.210.1.9", U, .frag = 2, .id = 7, REST, .mark = 3 }, KEPT(C(FRAG_NEXT)) },
	{ "fragment of another identification",
	  { .dst = "10.210.1.9", U, .frag = 2, .id = 8, REST }, COUNTED(C(FRAG_MISS)) },
	{ "fragment of another protocol",
	  { .dst = "10.210.1.9", .frag = 2, .id = 7, REST }, COUNTED(C(FRAG_MISS)) },
	{ "fragment of another source",
	  { .src = "10.99.0.2", .dst = "10.210.1.9", U, .frag = 2, .id = 7, REST }, COUNTED(C(FRAG_MISS)) },
	{ "fragment of another destination",
	  { .dst = "10.210.1.8", U, .frag = 2, .id = 7, REST }, COUNTED(C(FRAG_MISS)) },
	{ "later fragment shorter than a UDP header",
	  { .dst = "10.210.1.9", U, .frag = 2, .id = 7, .body = BYTES(1) }, KEPT(C(FRAG_NEXT)) },
	{ "first fragment of only the header",
	  { .dst = "10.210.1.10", UDP53, .frag = MF, .id = 7 },
	  KEPT_BY(C(STEERED) | C(FRAG_FIRST), 0) },
	{ "first fragment, too short for TCP",
	  { .dst = "10.210.1.9", .dport = 80, .frag = MF, .id = 9, .cut = IP4_LEN + 8 },
	  SHOT(C(HIDDEN), NO_RULE) },
	{ "its later fragment, with the flags", { .dst = "10.210.1.9", .frag = 1, .id = 9, REST },
	  SHOT(C(FRAG_OVERLAP), NO_RULE) },
	{ "first fragment, too short for TCP, no rule for the address",
	  { .dst = "10.210.4.9", .dport = 80, .frag = MF, .id = 9, .cut = IP4_LEN + 8 },
	  NOTHING },
	{ "first fragment, too short for TCP, this host's address",
	  { .dst = "10.77.1.1", .dport = 80, .frag = MF, .id = 9, .cut = IP4_LEN + 8 },
	  NOTHING },
	{ "first fragment of a SYN", { .dst = "10.210.1.9", .dport = 80, .frag = MF, .id = 10 },
	  KEPT_BY(C(STEERED) | C(FRAG_FIRST), 0) },
	{ "first fragment of an ACK nobody owns",
	  { .dst = "10.210.1.9", .sport = 4999, .dport = 80, .frag = MF, .id = 11, .flags = ACK },
	  NOTHING },
	{ "its later fragment", { .dst = "10.210.1.9", .frag = 3, .id = 11, REST }, COUNTED(C(FRAG_MISS)) },
	{ "ACK of a flow that the proxy had", { .dst = "10.210.1.9", .dport = 80, .flags = ACK },
	  KEPT(C(LATE)) },
	{ "its RST", { .dst = "10.210.1.9", .dport = 80, .flags = RST }, KEPT(C(LATE)) },
	{ "first fragment of it", { .dst = "10.210.1.9", .dport = 80, .frag = MF, .id = 14, .flags = ACK },
	  KEPT(C(LATE) | C(FRAG_FIRST)) },
	{ "ACK from another port", { .dst = "10.210.1.9", .sport = 4998, .dport = 80, .flags = ACK },
	  NOTHING },
	{ "ACK to another port", { .dst = "10.210.1.9", .dport = 8080, .flags = ACK }, NOTHING },
	{ "UDP of its ports", { .proto = IPPROTO_UDP, .dst = "10.210.1.9", .dport = 80 }, NOTHING },
	{ "first fragment of an owned TCP flow",
	  { TO_SERVER4(7000), .frag = MF, .id = 12, .flags = ACK },
	  KEPT(C(OWNED) | C(FRAG_FIRST)) },
	{ "later fragment of an owned TCP flow",
	  { .src = CLIENT4, .dst = SERVER4, .frag = 3, .id = 12, REST }, KEPT(C(FRAG_NEXT)) },
	{ "first fragment of connected UDP",
	  { .dst = "10.210.4.77", UDP53, .frag = MF, .id = 13, .payload = 8 },
	  KEPT(C(OWNED) | C(FRAG_FIRST)) },
	{ "first fragment for a foreign reply socket",
	  { .dst = "10.210.4.78", UDP53, .frag = MF, .id = 14, .payload = 8 },
	  KEPT(C(FOREIGN_LISTENER) | C(FRAG_FIRST)) },
	{ "first fragment, pass rule",
	  { .dst = "10.210.2.9", UDP53, .frag = MF, .id = 15, .payload = 8 },
	  PASSED(C(RULE_PASS), 1) },
	{ "its later fragment, pass rule", { .dst = "10.210.2.9", U, .frag = 2, .id = 15, REST },
	  COUNTED(C(FRAG_MISS)) },
	{ "first fragment, drop rule",
	  { .dst = "10.210.3.9", UDP53, .frag = MF, .id = 16, .payload = 8 },
	  SHOT(C(RULE_DROP), 2) },
	{ "its later fragment, drop rule", { .dst = "10.210.3.9", U, .frag = 2, .id = 16, REST },
	  SHOT(C(FRAG_DROP), NO_RULE) },
	{ "first fragment of the same identification, no rule",
	  { .dst = "10.210.3.9", .proto = IPPROTO_UDP, .dport = 99, .frag = MF, .id = 16,
	    .payload = 8 }, NOTHING },
	{ "its later fragment, no rule", { .dst = "10.210.3.9", U, .frag = 2, .id = 16, REST },
	  COUNTED(C(FRAG_MISS)) },
	{ "first fragment, nobody listens",
	  { .dst = "10.210.5.9", UDP53, .frag = MF, .id = 19, .payload = 8 },
	  SHOT(C(DOWN_DROP), 11) },
	{ "its later fragment, nobody listens",
	  { .dst = "10.210.5.9", U, .frag = 2, .id = 19, REST }, SHOT(C(FRAG_DROP), NO_RULE) },
	{ "first fragment, nobody listens, on-down pass",
	  { .dst = "10.210.6.9", UDP53, .frag = MF, .id = 20, .payload = 8 },
	  PASSED(C(DOWN_PASS), 12) },
	{ "its later fragment, nobody listens, on-down pass",
	  { .dst = "10.210.6.9", U, .frag = 2, .id = 20, REST }, COUNTED(C(FRAG_MISS)) },
	{ "first fragment, nobody listens, on-down reset: never answered",
	  { .dst = "10.210.7.9", UDP53, .frag = MF, .id = 21, .payload = 8 },
	  SHOT(C(DOWN_DROP), 13) },
	{ "its later fragment, nobody listens, on-down reset",
	  { .dst = "10.210.7.9", U, .frag = 2, .id = 21, REST }, SHOT(C(FRAG_DROP), NO_RULE) },
	{ "first fragment, no rule",
	  { .dst = "10.210.4.9", UDP53, .frag = MF, .id = 17, .payload = 8 }, NOTHING },
	{ "first fragment to multicast",
	  { .dst = "224.0.0.251", UDP53, .frag = MF, .id = 18, .payload = 8 }, NOTHING },
	{ "later fragment of ICMP",
	  { .dst = "10.210.1.9", .proto = IPPROTO_ICMP, .frag = 2, .id = 7, REST }, COUNTED(C(FRAG_MISS)) },
	{ "IPv6 later fragment before the first", { .dst = "fd21:1::9", U, FRAGMENT6(8, 0, 7), REST },
	  COUNTED(C(FRAG_MISS)) },
	{ "IPv6 first fragment", { .dst = "fd21:1::9", UDP53, FRAGMENT6(0, 1, 7), .payload = 8 },
	  KEPT_BY(C(STEERED) | C(FRAG_FIRST), 0) },
	{ "IPv6 last fragment", { .dst = "fd21:1::9", U, FRAGMENT6(16, 0, 7), REST },
	  KEPT(C(FRAG_NEXT)) },
	{ "IPv6 middle fragment", { .dst = "fd21:1::9", U, FRAGMENT6(8, 1, 7), REST },
	  KEPT(C(FRAG_NEXT)) },
	{ "IPv6 later fragment with another next header",
	  { .dst = "fd21:1::9", FRAGMENT6_TCP(16, 0, 7), REST }, KEPT(C(FRAG_NEXT)) },
	{ "IPv6 fragment of another identification",
	  { .dst = "fd21:1::9", U, FRAGMENT6(16, 0, 8), REST }, COUNTED(C(FRAG_MISS)) },
	{ "IPv6 fragment of another source",
	  { .src = "fd99::2", .dst = "fd21:1::9", U, FRAGMENT6(16, 0, 7), REST }, COUNTED(C(FRAG_MISS)) },
	{ "IPv6 first fragment, drop rule",
	  { .dst = "fd21:3::9", UDP53, FRAGMENT6(0, 1, 8), .payload = 8 },
	  SHOT(C(RULE_DROP), 2) },
	{ "IPv6 later fragment, drop rule", { .dst = "fd21:3::9", U, FRAGMENT6(16, 0, 8), REST },
	  SHOT(C(FRAG_DROP), NO_RULE) },
	{ "IPv6 first fragment, nobody listens",
	  { .dst = "fd21:5::9", UDP53, FRAGMENT6(0, 1, 8), .payload = 8 }, SHOT(C(DOWN_DROP), 11) },
	{ "IPv6 later fragment, nobody listens", { .dst = "fd21:5::9", U, FRAGMENT6(16, 0, 8), REST },
	  SHOT(C(FRAG_DROP), NO_RULE) },
	{ "IPv6 first fragment with an atomic one inside",
	  { .dst = "fd21:1::9", UDP53, .next = 44,
	    .middle = BYTES(FRAGHDR(44, 0, 1, 30), FRAGHDR(17, 0, 0, 31)), .payload = 8 },
	  KEPT_BY(C(STEERED) | C(FRAG_FIRST), 0) },
	{ "IPv6 later fragment of the outer one",
	  { .dst = "fd21:1::9", U, FRAGMENT6(24, 0, 30), REST }, KEPT(C(FRAG_NEXT)) },
	{ "IPv6 first fragment of a SYN",
	  { .dst = "fd21:1::9", .dport = 80, FRAGMENT6_TCP(0, 1, 10) },
	  KEPT_BY(C(STEERED) | C(FRAG_FIRST), 0) },
	{ "IPv6 first fragment of an owned TCP flow",
	  { TO_SERVER6(7000), .flags = ACK, FRAGMENT6_TCP(0, 1, 12) },
	  KEPT(C(OWNED) | C(FRAG_FIRST)) },
	{ "IPv6 atomic fragment of an owned TCP flow",
	  { TO_SERVER6(7000), .flags = ACK, FRAGMENT6_TCP(0, 0, 13) }, KEPT(C(OWNED)) },
};
/* clang-format on */

static void test_fragments(const struct world *w)
{
	expect_no_ticket(w, "no ticket yet", (struct spec){ .dst = "10.210.1.9", UDP53 });
	check_cases(w, fragment_cases, ARRAY_SIZE(fragment_cases));
	expect_ticket(w, "ticket of the UDP fragment", (struct spec){ .dst = "10.210.1.9", UDP53 },
		      0);
	expect_ticket(w, "ticket of the SYN fragment",
		      (struct spec){ .dst = "10.210.1.9", .dport = 80 }, 0);
	expect_ticket(w, "ticket of the IPv6 UDP fragment",
		      (struct spec){ .dst = "fd21:1::9", UDP53 }, 0);
	expect_ticket(w, "ticket of the IPv6 SYN fragment",
		      (struct spec){ .dst = "fd21:1::9", .dport = 80 }, 0);
	expect_no_ticket(w, "no ticket for an owned flow",
			 (struct spec){ .dst = "10.210.4.77", UDP53 });
	expect_no_ticket(w, "no ticket for a passed flow",
			 (struct spec){ .dst = "10.210.2.9", UDP53 });
}

/* ---- ICMP errors ---------------------------------------------------------- */

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
	{ "error behind options", { ROUTER4, .dst = SERVER4, .middle = BYTES(1, 1, 1, 1) }, 3, SENT4,
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
	{ "IPv6 quote of an answer to somebody whom a rule sends to the proxy", { ROUTER6, .dst = "fd21:1::77" }, 1,
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
	{ "IPv6 error behind an extension header",
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

/* ---- SYN cookies ---------------------------------------------------------- */

/* The ACK of a handshake whose SYN ACK had this sequence number; the SYN's was 99. */
static void check_cookie(const struct world *w, const char *name, const struct spec *ack,
			 __u32 cookie, const struct want *want)
{
	size_t at = ETH_HLEN + (spec_is_v6(ack) ? IP6_LEN : IP4_LEN) + 8;
	__be32 number = htonl(cookie + 1);
	struct packet p;

	packet_build(ack, &p);
	memcpy(p.data + at, &number, sizeof(number));
	check_packet(w, name, ack, &p, want);
}

static void test_cookies_of(const struct world *w, struct spec syn, const char *version)
{
	static const struct want nothing = NOTHING, late = KEPT(C(LATE));
	static const struct want wanted = KEPT(C(COOKIE)); /* the SYN was what the rule decided */
	struct spec ack = syn, elsewhere, reset;
	__u32 cookie = cookie_for(&syn);
	char name[100];

	ack.flags = ACK;
	elsewhere = reset = ack;
	elsewhere.dport = 7501; /* its listener never sent a cookie */
	reset.flags = RST | ACK;
	snprintf(name, sizeof(name), "SYN cookie, %s", version);
	check_cookie(w, name, &ack, cookie, &wanted);
	ack.flags = ACK | PSH;
	snprintf(name, sizeof(name), "SYN cookie, %s: with data", version);
	check_cookie(w, name, &ack, cookie, &wanted);
	snprintf(name, sizeof(name), "SYN cookie, %s: another number", version);
	check_cookie(w, name, &ack, cookie + 0x1000, &late); /* the flow is the proxy's by now */
	snprintf(name, sizeof(name), "SYN cookie, %s: a listener that sent none", version);
	check_cookie(w, name, &elsewhere, cookie, &nothing);
	snprintf(name, sizeof(name), "SYN cookie, %s: reset", version);
	check_cookie(w, name, &reset, cookie, &late);
	ack.sport++;
	snprintf(name, sizeof(name), "SYN cookie, %s: another client", version);
	check_cookie(w, name, &ack, cookie, &nothing);
}

/* A SYN on its way to a listener that answers with cookies: from now on ACKs are looked at. */
static void see_cookie(const struct world *w, const struct spec *syn, int rule)
{
	struct packet_case seen = { "SYN cookie: the SYN", *syn, WANTED(rule) };

	set_forwarding(false);
	check_cases(w, &seen, 1);
	set_forwarding(true);
}

static void test_cookies(const struct world *w)
{
	static const struct want nothing = NOTHING;
	struct spec syn4 = { TO_SERVER4(7500), .sport = 45000 }, ack4 = syn4;
	struct spec syn6 = { TO_SERVER6(7500), .sport = 45000 };

	listen_on("::", 7500);
	see_cookie(w, &syn4, 8);
	write_file("/proc/sys/net/ipv4/tcp_syncookies", "2"); /* always, not only under flood */
	ack4.flags = ACK;
	check_cookie(w, "SYN cookie: no SYN met a full queue", &ack4, cookie_for(&syn4), &nothing);
	see_cookie(w, &syn4, 8);
	w->skel->data_cookie->cookie_seen -= 121 * 1000000000ULL;
	check_cookie(w, "SYN cookie: the last one was long ago", &ack4, cookie_for(&syn4),
		     &nothing);
	tap_ok(!w->skel->data_cookie->cookie_seen, "SYN cookie: which is forgotten then");
	see_cookie(w, &syn4, 8);
	test_cookies_of(w, syn4, "IPv4");
	test_cookies_of(w, syn6, "IPv6");
}

/* ---- sockets -------------------------------------------------------------- */

static void open_tcp_flows(void)
{
	int lazy = bound_socket(SOCK_STREAM, SERVER4, 7003), waiting, seconds = 30, one = 1;
	int freebind = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	union address foreign = address_of("10.210.4.90", 80);
	union address silent = address_of("10.210.200.1", 9);

	open_tcp(SERVER4, CLIENT4, 7000);
	open_tcp(SERVER6, CLIENT6, 7000);
	open_tcp("::ffff:" SERVER4, "::ffff:" CLIENT4, 7001);
	open_tcp("10.77.1.1", CLIENT4, 7004);
	/* SYN_RECV for as long as the client sends nothing */
	setsockopt(lazy, SOL_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
	must(listen(lazy, 16), "listen");
	connect_to(bound_socket(SOCK_STREAM, CLIENT4, CLIENT_PORT), SERVER4, 7003);
	/* SYN_SENT: nobody answers */
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

static void open_udp(void)
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
	expect_lent_ticket(w, "ticket of a flow re-opened to a proxy that is not registered",
			   (struct spec){ TO_SERVER4(7101) }, 4);
}

int main(void)
{
	struct world w = { 0 };

	world_open(&w);
	fill_policy(policy_maps_maps(&w), rules, ARRAY_SIZE(rules));
	start_relay(&w, 0, 15002);
	set_local(&w, "10.77.1.1");
	open_tcp_flows();
	open_udp();
	check_cases(&w, tcp_cases, ARRAY_SIZE(tcp_cases));
	check_cases(&w, listener_cases, ARRAY_SIZE(listener_cases));
	check_cases(&w, udp_cases, ARRAY_SIZE(udp_cases));
	check_cases(&w, own_cases, ARRAY_SIZE(own_cases));
	test_fragments(&w);
	test_time_wait(&w);
	test_icmp(&w);
	test_cookies(&w);
	world_close(&w);
	return tap_done();
}
