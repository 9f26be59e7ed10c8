/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow starts that match a proxy rule, and what else decides about them: the TTL, a missing route,
 * an address that this host has or had, flows that are older than the rule, routing loops, SYNs
 * that only the server can answer. With them the mark for "don't fragment".
 */
#include <time.h>

#include "flows.h"
#include "run.h"

#define V4 "10.210.1.5"
#define V6 "fd21:1::5"
#define DF_MARK 0x4000000u

/* clang-format off */
static const struct rule_spec rules[] = {
	{ 0, "10.210.1.0/24,fd21:1::/64", NULL, { "tcp/80", "udp/53" }, TPROXY_ACTION_PROXY, 0,
	  NULL },
	{ 1, "10.210.2.0/24,fd21:2::/64", NULL, { "tcp/80", "udp/53" }, TPROXY_ACTION_DROP, 0, NULL },
	{ 2, "10.210.3.0/24", NULL, { "tcp/80" }, TPROXY_ACTION_PROXY, TPROXY_ON_DOWN_PASS, NULL },
	{ 3, "172.31.0.0/16,fd31::/64", NULL, { "tcp/80", "udp/53" }, TPROXY_ACTION_PROXY, 0, NULL },
	{ 4, "10.98.0.0/24,fd98::/64,10.210.4.0/24,fd21:4::/64", NULL, { "tcp", "udp" }, TPROXY_ACTION_PROXY, 0, NULL },
	{ 5, "10.210.5.0/24", NULL, { "udp/53" }, TPROXY_ACTION_PASS, 0, NULL },
};
/* clang-format on */

/* ---- TTL ---------------------------------------------------------------- */

/* clang-format off */
static const struct packet_case ttl_cases[] = {
	{ "a SYN of TTL 1", { .dst = V4, TCP80, .ttl = 1 }, PASSED(C(TTL), 0) },
	{ "a SYN of TTL 0", { .dst = V4, TCP80, .ttl = 0x100 }, PASSED(C(TTL), 0) },
	{ "a SYN of TTL 2", { .dst = V4, TCP80, .ttl = 2 }, WANTED(0) },
	{ "a SYN of hop limit 1", { .dst = V6, TCP80, .ttl = 1 }, PASSED(C(TTL), 0) },
	{ "a SYN of hop limit 2", { .dst = V6, TCP80, .ttl = 2 }, WANTED(0) },
	{ "a datagram of TTL 1", { .dst = V4, UDP53, .ttl = 1 }, PASSED(C(TTL), 0) },
	{ "a datagram of hop limit 1", { .dst = V6, UDP53, .ttl = 1 }, PASSED(C(TTL), 0) },
	{ "a datagram of TTL 255", { .dst = V4, UDP53, .ttl = 255 }, WANTED(0) },
	{ "TTL 1 and a drop rule", { .dst = "10.210.2.5", TCP80, .ttl = 1 }, SHOT(C(RULE_DROP), 1) },
	{ "TTL 1 and no rule", { .dst = "10.210.9.5", TCP80, .ttl = 1 }, NOTHING },
	{ "a datagram of TTL 1 that a socket owns", /* ip_forward() would drop it, with the socket */
	  { .src = "10.99.0.1", .dst = "10.210.9.77", UDP53, .ttl = 1 }, KEPT(C(OWNED)) },
};
/* clang-format on */

/* ---- routes and addresses ----------------------------------------------- */

static const struct packet_case unrouted_cases[] = {
	{ "no route, unrouted = pass", { .dst = "172.31.0.1", TCP80 }, PASSED(C(UNROUTED), 3) },
	{ "no route, unrouted = pass, IPv6", { .dst = "fd31::1", UDP53 }, PASSED(C(UNROUTED), 3) },
};

static const struct packet_case proxy_routed_cases[] = {
	{ "no route, unrouted = proxy", { .dst = "172.31.0.1", TCP80 }, WANTED(3) },
	{ "no route, unrouted = proxy, UDP", { .dst = "172.31.0.1", UDP53 }, WANTED(3) },
	{ "no route, unrouted = proxy, IPv6", { .dst = "fd31::1", TCP80 }, WANTED(3) },
	{ "no route, unrouted = proxy, TTL 1",
	  { .dst = "172.31.0.1", TCP80, .ttl = 1 },
	  PASSED(C(TTL), 3) },
};

static void test_unrouted(const struct world *w)
{
	int fd = bpf_map__fd(w->skel->maps.rules);
	struct tproxy_rule rule;
	__u32 number = 3;

	check_cases(w, unrouted_cases, ARRAY_SIZE(unrouted_cases));
	must(bpf_map_lookup_elem(fd, &number, &rule), "rules");
	rule.unrouted = TPROXY_UNROUTED_PROXY;
	put(fd, &number, &rule, "rules");
	check_cases(w, proxy_routed_cases, ARRAY_SIZE(proxy_routed_cases));
}

/* Noted as this host's, but routed elsewhere now. */
/* clang-format off */
static const struct packet_case moved_cases[] = {
	{ "an address that moved away, proxy rule", { .dst = "10.210.1.99", TCP80 }, WANTED(0) },
	{ "an address that moved away, drop rule", { .dst = "10.210.2.99", TCP80 },
	  SHOT(C(RULE_DROP), 1) },
	{ "an address that moved away, IPv6 UDP", { .dst = "fd21:1::99", UDP53 }, WANTED(0) },
	{ "an address that moved away, cut off",
	  { .dst = "10.210.1.99", TCP80, .cut = IP4_LEN + 4 }, SHOT(C(MALFORMED), NO_RULE) },
	{ "an address that is still here", { .dst = SERVER4, .dport = 9 }, COUNTED(C(LOCAL_DST)) },
	{ "an IPv6 address that is still here", { .dst = SERVER6, .dport = 9 },
	  COUNTED(C(LOCAL_DST)) },
};
/* clang-format on */

static void test_moved(const struct world *w)
{
	static const char *const noted[] = { "10.210.1.99", "10.210.2.99", "fd21:1::99", SERVER4,
					     SERVER6 };

	for (size_t i = 0; i < ARRAY_SIZE(noted); i++)
		set_local(w, noted[i]);
	check_cases(w, moved_cases, ARRAY_SIZE(moved_cases));
}

/* ---- flows that are older ----------------------------------------------- */

static struct tproxy_flow_key key_of(const struct spec *spec)
{
	struct tproxy_flow_key key = { .proto = (__u8)spec->proto,
				       .sport = htons(CLIENT_PORT),
				       .dport = htons(spec->dport) };

	map_address(spec->src, key.src);
	map_address(spec->dst, key.dst);
	return key;
}

static __u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (__u64)t.tv_sec * 1000000000ULL + (__u64)t.tv_nsec;
}

static void set_older(const struct world *w, const struct spec *spec, __u64 seconds_ago)
{
	struct tproxy_older value = { .seen = now_ns() - seconds_ago * 1000000000ULL };
	struct tproxy_flow_key key = key_of(spec);

	put(bpf_map__fd(w->skel->maps.older), &key, &value, "older");
}

/* An ICMP error about an answer goes to the server, and does not renew the flow. */
static void test_older_error(const struct world *w, const struct spec *flow)
{
	const struct spec outer = { .src = "10.99.0.1", .dst = V4 };
	const struct spec answer = {
		.src = V4, .dst = "10.99.0.1", .proto = UDP, .sport = 53, .dport = CLIENT_PORT
	};
	static const struct want nothing = NOTHING, kept = KEPT(C(ICMP_OWNED));
	struct tproxy_flow_key key = key_of(flow);
	struct tproxy_older left;
	struct packet p;

	packet_build_icmp(&outer, 3, &answer, 0, &p);
	check_packet(w, "an ICMP error about an answer of the relay", &outer, &p, &kept);
	set_older(w, flow, 50);
	packet_build_icmp(&outer, 3, &answer, 0, &p);
	check_packet(w, "an ICMP error about an answer to an older flow", &outer, &p, &nothing);
	must(bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.older), &key, &left), "older");
	tap_ok(now_ns() - left.seen > 40 * 1000000000ULL, "it does not keep that flow young");
}

static void test_older(const struct world *w)
{
	struct spec flow = { .src = "10.99.0.1", .dst = V4, UDP53 };
	struct spec flow6 = { .src = "fd99::1", .dst = V6, UDP53 };
	struct spec dropped = { .src = "10.99.0.1", .dst = "10.210.2.5", UDP53 };
	struct spec passed = { .src = "10.99.0.1", .dst = "10.210.5.5", UDP53 };
	struct packet_case cases[] = {
		{ "an older flow", flow, COUNTED(C(OLDER)) },
		{ "an older flow, IPv6", flow6, COUNTED(C(OLDER)) },
		{ "an older flow, again", flow, COUNTED(C(OLDER)) },
		{ "an older flow and a drop rule", dropped, SHOT(C(RULE_DROP), 1) },
		{ "an older flow and a pass rule", passed, PASSED(C(RULE_PASS), 5) },
		{ "TCP of the same numbers",
		  { .src = "10.99.0.1", .dst = V4, .dport = 53 },
		  NOTHING },
	};
	struct packet_case other = { "another port of the client", flow, WANTED(0) };
	struct packet_case idle = { "an older flow that was idle for a minute", flow, WANTED(0) };
	struct tproxy_flow_key key = key_of(&flow);
	struct tproxy_older left;

	set_older(w, &flow, 50);
	set_older(w, &flow6, 0);
	set_older(w, &dropped, 0);
	set_older(w, &passed, 0);
	check_cases(w, cases, ARRAY_SIZE(cases));
	must(bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.older), &key, &left), "older");
	tap_ok(now_ns() - left.seen < 30 * 1000000000ULL, "its datagrams keep it young");
	other.spec.sport = 40001;
	check_case(w, &other);
	set_older(w, &flow, 61);
	check_case(w, &idle);
	tap_ok(bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.older), &key, &left) == -ENOENT,
	       "it is forgotten then");
	test_older_error(w, &flow);
}

/* ---- flows that come back ----------------------------------------------- */

#define LOOPED(rule) SHOT(C(LOOP) | C(ASSIGN_FAILED) | C(DOWN_DROP), rule)

/* As if a router returned packets that sockets of this host have sent. */
static void test_loops(const struct world *w)
{
	/* clang-format off */
	const struct packet_case cases[] = {
		{ "a SYN of a connection of this host",
		  { .src = CLIENT4, .dst = "10.210.4.9", .sport = 42000, .dport = 9 }, LOOPED(4) },
		{ "a SYN from another port",
		  { .src = CLIENT4, .dst = "10.210.4.9", .sport = 42001, .dport = 9 }, WANTED(4) },
		{ "a datagram of a connected socket of this host",
		  { .src = CLIENT4, .dst = "10.210.4.9", .sport = 42000, .dport = 9, .proto = UDP },
		  LOOPED(4) },
		{ "an IPv6 datagram of a connected socket of this host",
		  { .src = CLIENT6, .dst = "fd21:4::9", .sport = 42000, .dport = 9, .proto = UDP },
		  LOOPED(4) },
		{ "a datagram from a port that is only bound",
		  { .src = CLIENT4, .dst = "10.210.4.9", .sport = 42002, .dport = 9, .proto = UDP },
		  WANTED(4) },
	};
	/* clang-format on */
	union address silent = address_of("10.210.4.9", 9);
	int waiting = bound_socket(SOCK_STREAM | SOCK_NONBLOCK, CLIENT4, 42000);

	connect(waiting, &silent.sa, sizeof(silent.v4));
	connect_to(bound_socket(SOCK_DGRAM, CLIENT4, 42000), "10.210.4.9", 9);
	connect_to(bound_socket(SOCK_DGRAM, CLIENT6, 42000), "fd21:4::9", 9);
	bound_socket(SOCK_DGRAM, CLIENT4, 42002);
	check_cases(w, cases, ARRAY_SIZE(cases));
}

/* ---- SYNs for the server alone ------------------------------------------ */

#define SYN_HEAD(words)                                                                            \
	0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, (words) << 4, SYN, 4, 0, 0, 0, 0, 0
#define MD5_OPTION 19, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define UNANSWERED(rule) SHOT(C(UNANSWERABLE) | C(DOWN_DROP), rule)

/* clang-format off */
static const struct packet_case syn_cases[] = {
	{ "a SYN with TCP MD5", { .dst = V4, .body = BYTES(SYN_HEAD(10), MD5_OPTION, 1, 1) },
	  UNANSWERED(0) },
	{ "a SYN with TCP MD5, IPv6", { .dst = V6, .body = BYTES(SYN_HEAD(10), MD5_OPTION, 1, 1) },
	  UNANSWERED(0) },
	{ "TCP MD5 after other options",
	  { .dst = V4, .body = BYTES(SYN_HEAD(12), 2, 4, 5, 0xb4, 1, 1, MD5_OPTION, 4, 2, 1, 1) },
	  UNANSWERED(0) },
	{ "a SYN with TCP AO, which kernels ignore",
	  { .dst = V4, .body = BYTES(SYN_HEAD(9), 29, 16, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
	  WANTED(0) },
	{ "TCP MD5 of another length",
	  { .dst = V4, .body = BYTES(SYN_HEAD(6), 19, 4, 1, 1) }, WANTED(0) },
	{ "TCP MD5 that is cut off", { .dst = V4, .body = BYTES(SYN_HEAD(6), 19, 18, 0, 0) },
	  WANTED(0) },
	{ "a SYN with TCP MD5, on-proxy-down = pass",
	  { .dst = "10.210.3.5", .body = BYTES(SYN_HEAD(10), MD5_OPTION, 1, 1) },
	  PASSED(C(UNANSWERABLE) | C(DOWN_PASS), 2) },
	{ "a SYN with the usual options",
	  { .dst = V4, .body = BYTES(SYN_HEAD(10), 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0,
				     1, 3, 3, 7) }, WANTED(0) },
	{ "a SYN with MPTCP and Fast Open",
	  { .dst = V4, .body = BYTES(SYN_HEAD(8), 30, 4, 1, 0x81, 34, 2, 1, 1, 1, 1, 1, 0) },
	  WANTED(0) },
	{ "19 within another option",
	  { .dst = V4, .body = BYTES(SYN_HEAD(6), 254, 4, 19, 18) }, WANTED(0) },
	{ "19 after the end of the options",
	  { .dst = V4, .body = BYTES(SYN_HEAD(6), 0, 19, 18, 0) }, WANTED(0) },
	{ "19 after the header", { .dst = V4, .body = BYTES(SYN_HEAD(5), MD5_OPTION, 1, 1) },
	  WANTED(0) },
	{ "an option of length 0", { .dst = V4, .body = BYTES(SYN_HEAD(6), 8, 0, 19, 18) },
	  WANTED(0) },
	{ "an option list that is cut off", { .dst = V4, .body = BYTES(SYN_HEAD(15), 1, 1) },
	  WANTED(0) },
};
/* clang-format on */

/* ---- the mark ----------------------------------------------------------- */

static void check_mark(const struct world *w, const char *name, const struct spec *spec, __u32 want)
{
	static struct outcome o;
	struct packet p;

	packet_build(spec, &p);
	run_on(w, w->in, spec->mark, &p, &o);
	if (!tap_ok(!o.err && o.mark == want, name))
		tap_comment("mark %#x, expected %#x", o.mark, want);
}

static void test_df(const struct world *w)
{
	struct spec owned = { .src = "10.99.0.1", .dst = "10.210.9.77", UDP53 };
	struct spec nobody = { .dst = "10.210.9.78", UDP53, .frag = DF, .mark = DF_MARK };
	struct spec tcp = { TO_SERVER4(7000), .flags = ACK, .frag = DF };
	struct tproxy_config config;

	read_config(w, &config);
	config.mask = MARK;
	config.df_mark = DF_MARK;
	write_config(w, &config);
	check_mark(w, "a datagram that may be fragmented", &owned, MARK);
	owned.mark = DF_MARK | 1;
	check_mark(w, "a foreign bit of the mark changes nothing", &owned, MARK | 1);
	owned.frag = DF;
	check_mark(w, "a datagram that may not", &owned, MARK | DF_MARK | 1);
	owned.frag = MF | DF;
	owned.payload = 8;
	owned.mark = 0;
	check_mark(w, "one that came in fragments", &owned, MARK);
	check_mark(w, "TCP", &tcp, MARK);
	check_mark(w, "the bit on a packet of others stays", &nobody, DF_MARK);
}

int main(void)
{
	struct world w = { 0 };

	world_open(&w);
	fill_policy(policy_maps_maps(&w), rules, ARRAY_SIZE(rules));
	start_relay(&w, 0, 15002);
	open_tcp(SERVER4, CLIENT4, 7000);
	connect_to(bound_socket(SOCK_DGRAM, "10.210.9.77", 53), "10.99.0.1", CLIENT_PORT);
	check_cases(&w, ttl_cases, ARRAY_SIZE(ttl_cases));
	test_unrouted(&w);
	test_older(&w);
	test_loops(&w);
	check_cases(&w, syn_cases, ARRAY_SIZE(syn_cases));
	test_moved(&w);
	test_df(&w);
	world_close(&w);
	return tap_done();
}
