/* SPDX-License-Identifier: BSD-2-Clause */
/* Which routing rules can match a packet with our mark, and the place that ours needs. */
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "kernel/routing/rules.h"
#include "tproxy.h"

#define MARK 0x1000000
#define TABLE 15001
#define ALL_BITS 0xffffffff

static const struct rule_packet packet4 = { AF_INET, MARK, MARK, TABLE, "r0", NULL, false };
static const struct rule_packet packet6 = { AF_INET6, MARK, MARK, TABLE, "r0", NULL, false };
static const struct rule_packet own4 = { AF_INET, MARK, MARK, TABLE, "lo", NULL, true };
static const struct rule_packet member4 = { AF_INET, MARK, MARK, TABLE, "r0", "red", false };
static const struct rule_packet member6 = { AF_INET6, MARK, MARK, TABLE, "red", "red", false };

/* A case names only its differences from `ip rule add pref 100 lookup 100`. */
#pragma GCC diagnostic ignored "-Woverride-init"
#define RULE(...)                                                                                  \
	{                                                                                          \
		.family = AF_INET, .action = FR_ACT_TO_TBL, .pref = 100, .table = 100,             \
		.suppress_len = -1, .suppress_group = -1, __VA_ARGS__                              \
	}
#define NOT .invert = true

struct selector_case {
	const char *name;
	const struct rule_packet *packet;
	enum rule_match want;
	struct route_rule rule;
};

static const struct selector_case selectors[] = {
	{ "from all", &packet4, RULE_ALL, RULE() },
	{ "from all, IPv6", &packet6, RULE_ALL, RULE(.family = AF_INET6) },
	{ "from a prefix", &packet4, RULE_SOME, RULE(.from = { 24, { 10, 77, 1 } }) },
	{ "to a prefix", &packet4, RULE_SOME, RULE(.to = { 8, { 10 } }) },
	{ "to a prefix, IPv6", &packet6, RULE_SOME, RULE(.to = { 3, { 0x20 } }) },
	{ "not from a prefix", &packet4, RULE_SOME, RULE(NOT, .from = { 24, { 10, 77, 1 } }) },
	{ "our mark", &packet4, RULE_ALL, RULE(.mark = MARK, .mask = MARK) },
	{ "our bit is not set", &packet4, RULE_NEVER, RULE(.mark = 0, .mask = MARK) },
	{ "not: our bit is not set", &packet4, RULE_ALL, RULE(NOT, .mark = 0, .mask = MARK) },
	{ "our mark and no other bit", &packet4, RULE_SOME, RULE(.mark = MARK, .mask = ALL_BITS) },
	{ "other bits", &packet4, RULE_SOME, RULE(.mark = 0x80000, .mask = 0xff0000) },
	{ "other bits, all clear", &packet4, RULE_SOME, RULE(.mark = 0, .mask = 0xff0000) },
	{ "WireGuard's mark", &packet4, RULE_NEVER, RULE(.mark = 51820, .mask = ALL_BITS) },
	{ "not WireGuard's mark", &packet4, RULE_ALL, RULE(NOT, .mark = 51820, .mask = ALL_BITS) },
	{ "not our mark", &packet4, RULE_NEVER, RULE(NOT, .mark = MARK, .mask = MARK) },
	{ "no mark at all", &packet4, RULE_NEVER, RULE(.mark = 0, .mask = ALL_BITS) },
	{ "our device", &packet4, RULE_ALL, RULE(.iif = "r0") },
	{ "another device", &packet4, RULE_NEVER, RULE(.iif = "r1") },
	{ "a device that begins alike", &packet4, RULE_NEVER, RULE(.iif = "r0.7") },
	{ "not another device", &packet4, RULE_ALL, RULE(NOT, .iif = "r1") },
	{ "the host's own packets", &packet4, RULE_NEVER, RULE(.iif = "lo") },
	{ "the host's own packets, which it sends", &own4, RULE_ALL, RULE(.iif = "lo") },
	{ "a device, and the host sends", &own4, RULE_NEVER, RULE(.iif = "r0") },
	{ "some users, and the host sends", &own4, RULE_SOME, RULE(.uid = { true, 1000, 1999 }) },
	{ "its VRF, IPv4", &member4, RULE_ALL, RULE(.iif = "red") },
	{ "another VRF", &member4, RULE_NEVER, RULE(.iif = "blue") },
	{ "a VRF's member, IPv6", &member6, RULE_NEVER, RULE(.iif = "r0") },
	{ "its VRF, IPv6", &member6, RULE_ALL, RULE(.iif = "red") },
	{ "what leaves by a device", &packet4, RULE_NEVER, RULE(.oif = "r0") },
	{ "not what leaves by a device", &packet4, RULE_ALL, RULE(NOT, .oif = "r0") },
	{ "TCP", &packet4, RULE_SOME, RULE(.ipproto = 6) },
	{ "UDP", &packet4, RULE_SOME, RULE(.ipproto = 17) },
	{ "ICMP", &packet4, RULE_SOME, RULE(.ipproto = 1) },
	{ "ICMPv6", &packet6, RULE_SOME, RULE(.ipproto = 58) },
	{ "ICMPv6 in IPv4", &packet4, RULE_NEVER, RULE(.ipproto = 58) },
	{ "fragments of IPv6", &packet6, RULE_SOME, RULE(.ipproto = 44) },
	{ "GRE", &packet4, RULE_NEVER, RULE(.ipproto = 47) },
	{ "not GRE", &packet4, RULE_ALL, RULE(NOT, .ipproto = 47) },
	{ "not TCP", &packet4, RULE_SOME, RULE(NOT, .ipproto = 6) },
	{ "a port of servers", &packet4, RULE_SOME, RULE(.ipproto = 6, .dport = { true, 80, 80 }) },
	{ "ports of clients", &packet4, RULE_SOME, RULE(.sport = { true, 1024, 65535 }) },
	{ "a port of GRE", &packet4, RULE_NEVER, RULE(.ipproto = 47, .dport = { true, 1, 2 }) },
	{ "a TOS", &packet4, RULE_SOME, RULE(.tos = 0x10) },
	{ "a tunnel's number", &packet4, RULE_SOME, RULE(.tun_id = 7) },
	{ "the users", &packet4, RULE_NEVER, RULE(.uid = { true, 1000, 65535 }) },
	{ "root", &packet4, RULE_ALL, RULE(.uid = { true, 0, 0 }) },
	{ "everybody", &packet4, RULE_ALL, RULE(.uid = { true, 0, 99999 }) },
	{ "not the users", &packet4, RULE_ALL, RULE(NOT, .uid = { true, 1000, 65535 }) },
	{ "VRFs, in none", &packet4, RULE_NEVER, RULE(.l3mdev = true, .table = 0) },
	{ "VRFs, in one", &member4, RULE_ALL, RULE(.l3mdev = true, .table = 0) },
	{ "something new", &packet4, RULE_SOME, RULE(.unknown = true) },
	{ "not something new", &packet4, RULE_SOME, RULE(NOT, .unknown = true) },
	{ "something new of another device", &packet4, RULE_NEVER,
	  RULE(.unknown = true, .iif = "r1") },
	{ "several, one of which does not fit", &packet4, RULE_NEVER,
	  RULE(.iif = "r0", .ipproto = 6, .mark = 1, .mask = MARK | 1) },
	{ "several, all of which may fit", &packet4, RULE_SOME,
	  RULE(.iif = "r0", .ipproto = 6, .mark = 1, .mask = 0xff) },
};

struct action_case {
	const char *name;
	enum rule_match want;
	struct route_rule rule;
};

/* Ours is at 150. */
static const struct action_case actions[] = {
	{ "lookup 100", RULE_ALL, RULE() },
	{ "lookup main", RULE_ALL, RULE(.table = 254) },
	{ "lookup local", RULE_NEVER, RULE(.table = 255, .pref = 0) },
	{ "lookup our table", RULE_NEVER, RULE(.table = TABLE) },
	{ "suppress the default route", RULE_SOME, RULE(.table = 254, .suppress_len = 0) },
	{ "suppress a group", RULE_SOME, RULE(.suppress_group = 3) },
	{ "suppress, of another device", RULE_NEVER, RULE(.suppress_len = 0, .iif = "r1") },
	{ "nop", RULE_NEVER, RULE(.action = FR_ACT_NOP) },
	{ "goto before ours", RULE_NEVER, RULE(.action = FR_ACT_GOTO, .target = 120) },
	{ "goto ours", RULE_NEVER, RULE(.action = FR_ACT_GOTO, .target = 150) },
	{ "goto after ours", RULE_ALL, RULE(.action = FR_ACT_GOTO, .target = 151) },
	{ "goto after ours for some", RULE_SOME,
	  RULE(.action = FR_ACT_GOTO, .target = 200, .from = { 8, { 10 } }) },
	{ "goto nowhere", RULE_NEVER,
	  RULE(.action = FR_ACT_GOTO, .target = 200, .unresolved = true) },
	{ "blackhole", RULE_ALL, RULE(.action = FR_ACT_BLACKHOLE) },
	{ "unreachable for some", RULE_SOME,
	  RULE(.action = FR_ACT_UNREACHABLE, .mark = 8, .mask = 8) },
	{ "prohibit for another device", RULE_NEVER, RULE(.action = FR_ACT_PROHIBIT, .iif = "r1") },
	{ "an action of tomorrow", RULE_ALL, RULE(.action = 99) },
	{ "another state's", RULE_NEVER,
	  RULE(.mark = 2, .mask = 2, .iif = "r0", .protocol = TPROXY_RT_PROTOCOL) },
	{ "an older build's", RULE_NEVER,
	  RULE(.mark = 2, .mask = 2, .iif = "r0", .pref = TPROXY_RULE_PREF,
	       .protocol = TPROXY_RT_PROTOCOL_OLD) },
	{ "OVN's", RULE_SOME,
	  RULE(.mark = 2, .mask = 2, .iif = "r0", .protocol = TPROXY_RT_PROTOCOL_OLD) },
	{ "our number on something else", RULE_SOME,
	  RULE(.from = { 8, { 10 } }, .protocol = TPROXY_RT_PROTOCOL) },
};

static void test_selectors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
		const struct selector_case *c = &selectors[i];

		if (rule_matches(&c->rule, c->packet) != c->want)
			fail_msg("%s: %d", c->name, rule_matches(&c->rule, c->packet));
	}
}

static void test_actions(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		const struct action_case *c = &actions[i];

		if (rule_decides(&c->rule, &packet4, 150) != c->want)
			fail_msg("%s: %d", c->name, rule_decides(&c->rule, &packet4, 150));
	}
}

/* ---- places ------------------------------------------------------------- */

#define LOCAL RULE(.pref = 0, .table = 255)
#define MAIN RULE(.pref = 32766, .table = 254)

static __u32 place(struct route_rule *rules, size_t n)
{
	struct rule_list list = { rules, n, n };

	return rules_place(&list, &packet4, TPROXY_RULE_PREF);
}
#define PLACE(...)                                                                                 \
	({                                                                                         \
		struct route_rule rules_[] = { __VA_ARGS__ };                                      \
		place(rules_, ARRAY_SIZE(rules_));                                                 \
	})

static void test_place(void **state)
{
	assert_int_equal(PLACE(LOCAL, MAIN), 150);
	assert_int_equal(PLACE(LOCAL, RULE(.pref = 151), MAIN), 150);
	assert_int_equal(PLACE(LOCAL, RULE(.pref = 150), MAIN), 149);
	assert_int_equal(PLACE(LOCAL, RULE(.pref = 100), RULE(.pref = 120), MAIN), 99);
	assert_int_equal(PLACE(LOCAL, RULE(.pref = 100, .iif = "r1"), MAIN), 150);
	assert_int_equal(PLACE(LOCAL, RULE(.pref = 1), MAIN), 0);
	assert_int_equal(PLACE(LOCAL, RULE(.pref = 0), MAIN), 0);
	/* wg-quick's two, without a preference, before ours at 150 */
	assert_int_equal(PLACE(LOCAL, RULE(.pref = 148, .table = 254, .suppress_len = 0),
			       RULE(NOT, .pref = 149, .mark = 51820, .mask = ALL_BITS), MAIN),
			 147);
	/* one before the rule that decides leaps over the new place, too */
	assert_int_equal(PLACE(LOCAL, RULE(.pref = 50, .action = FR_ACT_GOTO, .target = 120),
			       RULE(.pref = 100), RULE(.pref = 120, .iif = "r1"), MAIN),
			 49);
}

static void test_worst(void **state)
{
	struct route_rule ours = RULE(.pref = 150, .table = TABLE, .mark = MARK, .mask = MARK,
				      .iif = "r0", .protocol = TPROXY_RT_PROTOCOL);
	struct route_rule rules[] = { LOCAL,
				      RULE(.pref = 10, .tos = 4),
				      RULE(.pref = 20),
				      RULE(.pref = 30),
				      ours,
				      RULE(.pref = 150),
				      MAIN };
	struct rule_list list = { rules, ARRAY_SIZE(rules), ARRAY_SIZE(rules) };
	enum rule_match match;

	assert_ptr_equal(rules_worst_before(&list, 4, &packet4, &match), &rules[2]);
	assert_int_equal(match, RULE_ALL);
	rules[2].iif[0] = rules[3].iif[0] = 'x';
	assert_ptr_equal(rules_worst_before(&list, 4, &packet4, &match), &rules[1]);
	assert_int_equal(match, RULE_SOME);
	rules[1].oif[0] = 'x';
	assert_null(rules_worst_before(&list, 4, &packet4, &match));
	assert_int_equal(match, RULE_NEVER);
}

/* ---- messages and text -------------------------------------------------- */

static void assert_text(const struct route_rule *rule, const char *want)
{
	char text[RULE_TEXT_LEN];

	assert_string_equal(rule_text(rule, text), want);
}

static void test_text(void **state)
{
	struct route_rule plain = RULE(.table = 254);
	struct route_rule wg =
		RULE(NOT, .pref = 149, .mark = 51820, .mask = ALL_BITS, .table = 51820);
	struct route_rule full =
		RULE(.family = AF_INET6, .from = { 128, { 0xfd } }, .to = { 16, { 0xfd, 0x77 } },
		     .tos = 8, .mark = 1, .mask = 3, .iif = "r0", .uid = { true, 0, 10 },
		     .ipproto = 6, .sport = { true, 1, 2 }, .dport = { true, 80, 80 },
		     .suppress_len = 0, .suppress_group = 2);
	struct route_rule leap = RULE(.action = FR_ACT_GOTO, .target = 9, .unresolved = true);
	struct route_rule hole = RULE(.action = FR_ACT_BLACKHOLE, .ipproto = 132, .tun_id = 7);
	struct route_rule vrf = RULE(.l3mdev = true, .unknown = true);

	assert_text(&plain, "100: from all lookup main");
	assert_text(&wg, "149: not from all fwmark 0xca6c lookup 51820");
	assert_text(&full, "100: from fd00:: to fd77::/16 tos 0x08 fwmark 0x1/0x3 iif r0 uidrange "
			   "0-10 ipproto tcp sport 1-2 dport 80 lookup 100 suppress_prefixlength 0 "
			   "suppress_ifgroup 2");
	assert_text(&leap, "100: from all goto 9 [unresolved]");
	assert_text(&hole, "100: from all ipproto 132 tun_id 7 blackhole");
	assert_text(&vrf, "100: from all (and more) lookup [l3mdev-table]");
}

static void test_parse(void **state)
{
	const struct fib_rule_uid_range uids = { 1000, 2000 };
	const struct fib_rule_port_range ports = { 80, 81 };
	char buf[NL_BUFFER] = { 0 };
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct fib_rule_hdr *hdr = mnl_nlmsg_put_extra_header(msg, sizeof(*hdr));
	struct route_rule rule;

	*hdr = (struct fib_rule_hdr){ .family = AF_INET,
				      .dst_len = 8,
				      .tos = 4,
				      .table = 252,
				      .action = FR_ACT_TO_TBL,
				      .flags = FIB_RULE_INVERT };
	mnl_attr_put_u32(msg, FRA_PRIORITY, 77);
	mnl_attr_put_u32(msg, FRA_DST, htonl(10 << 24));
	mnl_attr_put_strz(msg, FRA_IIFNAME, "r0");
	mnl_attr_put_strz(msg, FRA_OIFNAME, "r1");
	mnl_attr_put_u32(msg, FRA_FWMARK, 5);
	mnl_attr_put_u32(msg, FRA_TABLE, 15001);
	mnl_attr_put_u32(msg, FRA_SUPPRESS_PREFIXLEN, 0);
	mnl_attr_put_u32(msg, FRA_SUPPRESS_IFGROUP, (__u32)-1);
	mnl_attr_put_u8(msg, FRA_L3MDEV, 1);
	mnl_attr_put_u8(msg, FRA_PROTOCOL, 116);
	mnl_attr_put_u8(msg, FRA_IP_PROTO, 6);
	mnl_attr_put(msg, FRA_UID_RANGE, sizeof(uids), &uids);
	mnl_attr_put(msg, FRA_DPORT_RANGE, sizeof(ports), &ports);
	mnl_attr_put_u64(msg, FRA_TUN_ID, htobe64(9));
	rule_parse(msg, &rule);
	assert_text(&rule, "77: not from all to 10.0.0.0/8 tos 0x04 fwmark 0x5 iif r0 oif r1 "
			   "uidrange 1000-2000 ipproto tcp dport 80-81 tun_id 9 lookup "
			   "[l3mdev-table] suppress_prefixlength 0");
	assert_int_equal(rule.protocol, 116);
	assert_int_equal(rule.table, 15001);
	assert_false(rule.unknown);
	mnl_attr_put_u8(msg, 25, 1); /* FRA_DSCP of Linux 6.13 */
	rule_parse(msg, &rule);
	assert_true(rule.unknown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_selectors), cmocka_unit_test(test_actions),
		cmocka_unit_test(test_place),     cmocka_unit_test(test_worst),
		cmocka_unit_test(test_text),      cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
