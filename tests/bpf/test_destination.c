/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tproxy_ingress and destinations: addresses that Linux never forwards, this host's own, those
 * without a route. With them forged marks, and a state without configuration.
 */
#include "run.h"

#define V4 "10.210.1.5"
#define V6 "fd21:1::5"
#define DROPPED SHOT(C(RULE_DROP), 1)

/* Rule 1 drops, so that a destination without a route shows as well. */
static const struct rule_spec rules[] = {
	{ 0, "all", NULL, { "tcp/80", "udp/53" }, TPROXY_ACTION_PROXY, 0, NULL },
	{ 1, "all", NULL, { "tcp/81", "udp/81" }, TPROXY_ACTION_DROP, 0, NULL },
};

/* ---- destinations ------------------------------------------------------- */

static const struct {
	const char *dst;
	bool ours; /* may be forwarded, so rules apply */
		   /* clang-format off */
} destinations[] = {
	{ "0.0.0.0", false }, { "0.0.0.1", true }, { "0.255.255.255", true }, { "1.0.0.0", true },
	{ "126.255.255.255", true }, { "127.0.0.0", false }, { "127.0.0.1", false },
	{ "127.255.255.255", false }, { "128.0.0.0", true }, { "169.253.255.255", true },
	{ "169.254.0.0", true }, { "169.254.169.254", true }, { "169.254.255.255", true },
	{ "169.255.0.0", true }, { "223.255.255.255", true }, { "224.0.0.0", false },
	{ "224.0.0.251", false }, { "239.255.255.255", false }, { "240.0.0.0", true }, { "255.255.255.254", true },
	{ "255.255.255.255", false },
	{ "::", false }, { "::1", false }, { "::2", true }, { "0:0:0:1::1", true },
	{ "1::", true }, { "1::1", true }, { "64:ff9b::1", true }, { "2001:db8::1", true },
	{ "fd00::1", true }, { "fe7f:ffff::1", true }, { "fe80::1", false },
	{ "febf:ffff::1", false }, { "fec0::1", true }, { "feff::1", true }, { "ff00::1", false },
	{ "ff02::fb", false }, { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
};
/* clang-format on */

static void test_destinations(const struct world *w)
{
	static const struct want dropped = DROPPED, nothing = NOTHING;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(destinations); i++) {
		size_t n = i / 2;
		char name[80];
		struct packet_case c = {
			.name = name,
			.spec = { .dst = destinations[n].dst,
				  .dport = 81,
				  .proto = i % 2 ? IPPROTO_UDP : IPPROTO_TCP },
			.want = destinations[n].ours ? dropped : nothing,
		};

		snprintf(name, sizeof(name), "%s to %s %s", i % 2 ? "UDP" : "TCP",
			 destinations[n].dst, destinations[n].ours ? "is matched" : "stays local");
		check_case(w, &c);
	}
}

/* clang-format off */
static const struct packet_case local_cases[] = {
	{ "address of this host", { .dst = "10.77.1.1", TCP80 }, COUNTED(C(LOCAL_DST)) },
	{ "IPv6 address of this host", { .dst = "fd77:1::1", TCP80 }, COUNTED(C(LOCAL_DST)) },
	{ "address of this host, UDP", { .dst = "10.77.1.1", UDP53 }, COUNTED(C(LOCAL_DST)) },
	{ "address of this host, UDP, IPv6", { .dst = "fd77:1::1", UDP53 }, COUNTED(C(LOCAL_DST)) },
	{ "address of this host, drop rule", { .dst = "10.77.1.1", .dport = 81 },
	  COUNTED(C(LOCAL_DST)) },
	{ "address of this host, no rule", { .dst = "10.77.1.1", .dport = 22 }, NOTHING },
	{ "address of this host, ACK", { .dst = "10.77.1.1", TCP80, .flags = ACK }, NOTHING },
	{ "address of this host, fragment",
	  { .dst = "10.77.1.1", UDP53, .frag = MF, .payload = 16 }, COUNTED(C(LOCAL_DST)) },
	{ "IPv6 to this host's IPv4 address, mapped", { .dst = "::ffff:10.77.1.1", .dport = 81 },
	  DROPPED },
	{ "address of this host as source", { .src = "10.77.1.1", .dst = V4, TCP80 }, WANTED(0) },
};
/* clang-format on */

/* ANY_RULE: whether such a flow counts as decided by the rule is left open. */
/* clang-format off */
#define LEFT_UNROUTED { TC_UNSPEC, false, C(UNROUTED), ANY_RULE }
/* clang-format on */

static const struct packet_case unrouted_cases[] = {
	{ "no route", { .dst = "172.31.0.1", TCP80 }, LEFT_UNROUTED },
	{ "no route, UDP", { .dst = "172.31.0.1", UDP53 }, LEFT_UNROUTED },
	{ "no route, IPv6", { .dst = "fd31::1", TCP80 }, LEFT_UNROUTED },
	{ "no route, IPv6 UDP", { .dst = "fd31::1", UDP53 }, LEFT_UNROUTED },
	{ "no route, drop rule", { .dst = "172.31.0.1", .dport = 81 }, DROPPED },
	{ "no route, no rule", { .dst = "172.31.0.1", .dport = 82 }, NOTHING },
	{ "local address not in the map yet", { .dst = "10.77.2.1", TCP80 }, LEFT_UNROUTED },
	{ "local IPv6 address not in the map yet", { .dst = "fd77:2::1", TCP80 }, LEFT_UNROUTED },
	{ "directed broadcast", { .dst = "10.77.2.255", TCP80 }, LEFT_UNROUTED },
};

/* Without forwarding the kernel does not answer, and the rule decides. */
static const struct packet_case not_forwarding_cases[] = {
	{ "no route, forwarding off", { .dst = "172.31.0.1", TCP80 }, WANTED(0) },
	{ "no route, forwarding off, IPv6", { .dst = "fd31::1", TCP80 }, WANTED(0) },
	{ "address of this host, forwarding off",
	  { .dst = "10.77.1.1", TCP80 },
	  COUNTED(C(LOCAL_DST)) },
};

/* ---- marks and configuration -------------------------------------------- */

/* clang-format off */
static const struct packet_case mark_cases[] = {
	{ "our mark on a packet without a rule", { .dst = V4, .dport = 9, .mark = MARK },
	  COUNTED(C(FORGED_MARK)) },
	{ "all our bits", { .dst = V4, .dport = 9, .mark = MASK }, COUNTED(C(FORGED_MARK)) },
	{ "a bit of ours that is not the mark", { .dst = V4, .dport = 9, .mark = MASK & ~MARK },
	  COUNTED(C(FORGED_MARK)) },
	{ "every bit", { .dst = V4, .dport = 9, .mark = 0xffffffff }, COUNTED(C(FORGED_MARK)) },
	{ "others' bits stay", { .dst = V4, .dport = 9, .mark = ~MASK }, NOTHING },
	{ "our mark on a flow start", { .dst = V4, TCP80, .mark = MARK },
	  SHOT(C(FORGED_MARK) | C(ASSIGN_FAILED) | C(DOWN_DROP), 0) },
	{ "others' bits on a flow start", { .dst = V4, TCP80, .mark = 0xff }, WANTED(0) },
	{ "our mark on a malformed packet", { .dst = V4, TCP80, .ihl = 1, .mark = MARK },
	  COUNTED(C(FORGED_MARK)) },
	{ "our mark on a packet to 127.0.0.1", { .dst = "127.0.0.1", TCP80, .mark = MARK },
	  COUNTED(C(FORGED_MARK)) },
	{ "our mark on ARP", { .dst = V4, .ethertype = ETH_P_ARP, .mark = MARK },
	  COUNTED(C(FORGED_MARK)) },
	{ "our mark on IPv6", { .dst = V6, .dport = 9, .mark = MARK | 5 }, COUNTED(C(FORGED_MARK)) },
};
/* clang-format on */

static const struct packet_case unconfigured_cases[] = {
	{ "no mask: a flow start", { .dst = V4, TCP80 }, COUNTED(C(NO_POLICY)) },
	{ "no mask: IPv6 UDP", { .dst = V6, UDP53 }, COUNTED(C(NO_POLICY)) },
	{ "no mask: malformed", { .dst = V4, TCP80, .ihl = 1 }, COUNTED(C(NO_POLICY)) },
};

int main(void)
{
	struct world w = { 0 };

	world_open(&w);
	fill_policy(policy_maps_maps(&w), rules, ARRAY_SIZE(rules));
	start_relay(&w, 0, 15002);
	set_local(&w, "10.77.1.1");
	set_local(&w, "fd77:1::1");
	test_destinations(&w);
	check_cases(&w, local_cases, ARRAY_SIZE(local_cases));
	check_cases(&w, unrouted_cases, ARRAY_SIZE(unrouted_cases));
	set_forwarding(false);
	check_cases(&w, not_forwarding_cases, ARRAY_SIZE(not_forwarding_cases));
	set_forwarding(true);
	check_cases(&w, mark_cases, ARRAY_SIZE(mark_cases));
	set_config(&w, MARK, 0, 0);
	check_cases(&w, unconfigured_cases, ARRAY_SIZE(unconfigured_cases));
	world_close(&w);
	return tap_done();
}
