/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tproxy_ingress with on-proxy-down = reset or action = reset: the RST or ICMP error that a packet is
 * turned into, byte by byte, and packets that cannot be turned into one.
 */
#include <time.h>

#include "run.h"

#define RESET(rule)                                                                                \
	{                                                                                          \
		TC_REDIRECT, false, C(RULE_RESET), rule                                            \
	}

static const struct rule_spec rules[] = {
	{ 0,
	  "10.210.5.0/24,fd21:5::/64",
	  NULL,
	  { "tcp/80", "udp/53" },
	  TPROXY_ACTION_PROXY,
	  TPROXY_ON_DOWN_RESET,
	  NULL },
	{ 1,
	  "10.210.6.0/24,fd21:6::/64",
	  NULL,
	  { "tcp/80", "udp/53" },
	  TPROXY_ACTION_RESET,
	  0,
	  NULL },
};

/* clang-format off */
static const struct packet_case reset_cases[] = {
	{ "reset: TCP", { .dst = "10.210.5.9", TCP80 }, REFUSED(0) },
	{ "reset: TCP with payload", { .dst = "10.210.5.9", TCP80, .payload = 33 }, REFUSED(0) },
	{ "reset: TCP after IPv4 options",
	  { .dst = "10.210.5.9", TCP80, .middle = BYTES(1, 1, 1, 1) }, REFUSED(0) },
	{ "reset: IPv6 TCP", { .dst = "fd21:5::9", TCP80 }, REFUSED(0) },
	{ "reset: IPv6 TCP after an extension header",
	  { .dst = "fd21:5::9", TCP80, .next = 60, .middle = BYTES(EXT(6)) }, REFUSED(0) },
	{ "reset: UDP", { .dst = "10.210.5.9", UDP53, .payload = 100 }, REFUSED(0) },
	{ "reset: UDP without payload", { .dst = "10.210.5.9", UDP53 }, REFUSED(0) },
	{ "reset: IPv6 UDP", { .dst = "fd21:5::9", UDP53, .payload = 101 }, REFUSED(0) },
	{ "reset: IPv6 UDP without payload", { .dst = "fd21:5::9", UDP53 }, REFUSED(0) },
	{ "reset rule: TCP", { .dst = "10.210.6.9", TCP80 }, RESET(1) },
	{ "reset rule: TCP, TTL 1", { .dst = "10.210.6.9", TCP80, .ttl = 1 }, RESET(1) },
	{ "reset rule: IPv6 TCP", { .dst = "fd21:6::9", TCP80 }, RESET(1) },
	{ "reset rule: UDP", { .dst = "10.210.6.9", UDP53, .payload = 100 }, RESET(1) },
	{ "reset rule: IPv6 UDP", { .dst = "fd21:6::9", UDP53, .payload = 101 }, RESET(1) },
};
/* clang-format on */

/* Where no refusal can be made, the flow is dropped. */
/* clang-format off */
static const struct packet_case unrefused_cases[] = {
	{ "reset: first fragment",
	  { .dst = "10.210.5.9", UDP53, .frag = MF, .payload = 16 }, SHOT(C(DOWN_DROP), 0) },
	{ "reset: UDP after IPv4 options",
	  { .dst = "10.210.5.9", UDP53, .middle = BYTES(1, 1, 1, 1) }, SHOT(C(DOWN_DROP), 0) },
	{ "reset: UDP after an extension header",
	  { .dst = "fd21:5::9", UDP53, .next = 60, .middle = BYTES(EXT(17)) },
	  SHOT(C(DOWN_DROP), 0) },
	{ "reset: TCP header cut off", { .dst = "10.210.5.9", TCP80, .cut = IP4_LEN + 15 },
	  SHOT(C(DOWN_DROP), 0) },
	{ "reset rule: first fragment",
	  { .dst = "10.210.6.9", UDP53, .frag = MF, .payload = 16 }, SHOT(C(RULE_DROP), 1) },
	{ "reset rule: UDP after IPv4 options",
	  { .dst = "10.210.6.9", UDP53, .middle = BYTES(1, 1, 1, 1) }, SHOT(C(RULE_DROP), 1) },
	{ "reset rule: TCP from a group", { .src = "224.0.0.9", .dst = "10.210.6.9", TCP80 },
	  SHOT(C(RULE_DROP), 1) },
	{ "reset rule: TCP from everybody",
	  { .src = "255.255.255.255", .dst = "10.210.6.9", TCP80 }, SHOT(C(RULE_DROP), 1) },
	{ "reset rule: TCP from nobody", { .src = "0.0.0.0", .dst = "10.210.6.9", TCP80 },
	  SHOT(C(RULE_DROP), 1) },
	{ "reset rule: UDP from loopback", { .src = "127.0.0.1", .dst = "10.210.6.9", UDP53 },
	  SHOT(C(RULE_DROP), 1) },
	{ "reset: UDP from a group", { .src = "239.1.1.1", .dst = "10.210.5.9", UDP53 },
	  SHOT(C(DOWN_DROP), 0) },
	{ "reset rule: IPv6 UDP from a group", { .src = "ff02::1", .dst = "fd21:6::9", UDP53 },
	  SHOT(C(RULE_DROP), 1) },
	{ "reset rule: IPv6 TCP from nobody", { .src = "::", .dst = "fd21:6::9", TCP80 },
	  SHOT(C(RULE_DROP), 1) },
	{ "reset rule: IPv6 UDP from loopback", { .src = "::1", .dst = "fd21:6::9", UDP53 },
	  SHOT(C(RULE_DROP), 1) },
	{ "reset rule: a segment in the middle of a flow",
	  { .dst = "10.210.6.9", TCP80, .flags = ACK }, NOTHING },
};
/* clang-format on */

/* NULL, or what is wrong with the answer's IP header. */
static const char *check_ip(const struct packet *sent, const __u8 *ip, bool v6)
{
	const __u8 *asked = sent->data + ETH_HLEN;
	size_t at = v6 ? 8 : 12, alen = v6 ? 16 : 4;

	if (memcmp(ip + at, asked + at + alen, alen) || memcmp(ip + at + alen, asked + at, alen))
		return "addresses";
	if (ip[0] >> 4 != (v6 ? 6 : 4) || ip[v6 ? 7 : 8] != 64)
		return "version or TTL";
	if (!v6 && fold_sum(sum_words(0, ip, (ip[0] & 0xf) * 4)))
		return "IP checksum";
	return NULL;
}

static const char *check_rst(const struct packet *sent, const __u8 *ip, size_t header, bool v6)
{
	const __u8 *asked = sent->data + ETH_HLEN + header, *tcp = ip + header;
	size_t n = (v6 ? IP6_LEN + get16(ip + 4) : get16(ip + 2)) - header, alen = v6 ? 16 : 4;
	static const __u8 zero[4];

	if (memcmp(tcp, asked + 2, 2) || memcmp(tcp + 2, asked, 2))
		return "ports";
	if (memcmp(tcp + 4, zero, 4) || tcp[8] || tcp[9] || tcp[10] || tcp[11] != asked[7] + 1)
		return "sequence numbers";
	if (tcp[13] != (RST | ACK))
		return "flags";
	return l4_sum(ip + (v6 ? 8 : 12), alen, IPPROTO_TCP, tcp, n) ? "TCP checksum" : NULL;
}

static const char *check_unreachable(const struct packet *sent, const __u8 *ip, size_t n, bool v6)
{
	size_t header = v6 ? IP6_LEN : IP4_LEN;
	size_t said = v6 ? (size_t)IP6_LEN + get16(ip + 4) : get16(ip + 2);
	const __u8 *icmp = ip + header;
	__u16 sum;

	if (n != header + ICMP_LEN + header + UDP_LEN || n != said)
		return "length";
	if (ip[v6 ? 6 : 9] != (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return "protocol";
	if (icmp[0] != (v6 ? 1 : 3) || icmp[1] != (v6 ? 4 : 3))
		return "type or code";
	if (memcmp(icmp + ICMP_LEN, sent->data + ETH_HLEN, header + UDP_LEN))
		return "quote";
	sum = v6 ? l4_sum(ip + 8, 16, IPPROTO_ICMPV6, icmp, n - header) :
		   fold_sum(sum_words(0, icmp, n - header));
	return sum ? "ICMP checksum" : NULL;
}

static const char *check_refusal(const struct packet *sent, const struct packet_case *c,
				 const struct outcome *o)
{
	const __u8 *ip = o->data + ETH_HLEN;
	bool v6 = spec_is_v6(&c->spec);
	const char *wrong = check_ip(sent, ip, v6);

	if (wrong)
		return wrong;
	if (memcmp(o->data, sent->data + ETH_ALEN, ETH_ALEN) ||
	    memcmp(o->data + ETH_ALEN, sent->data, ETH_ALEN))
		return "Ethernet addresses";
	if (c->spec.proto == IPPROTO_UDP)
		return check_unreachable(sent, ip, o->len - ETH_HLEN, v6);
	return check_rst(sent, ip, (v6 ? IP6_LEN : IP4_LEN) + c->spec.middle.n, v6);
}

static void test_refusals(const struct world *w)
{
	static struct outcome o;

	for (size_t i = 0; i < ARRAY_SIZE(reset_cases); i++) {
		const struct packet_case *c = &reset_cases[i];
		struct packet p;
		char name[100];
		const char *wrong;

		packet_build(&c->spec, &p);
		check_packet(w, c->name, &c->spec, &p, &c->want);
		run_on(w, w->in, 0, &p, &o);
		wrong = check_refusal(&p, c, &o);
		snprintf(name, sizeof(name), "%s: what comes back", c->name);
		if (!tap_ok(!wrong, name))
			tap_comment("wrong: %s", wrong);
	}
	check_cases(w, unrefused_cases, ARRAY_SIZE(unrefused_cases));
}

static void check_changed(const struct world *w, const char *name, const struct spec *spec,
			  size_t at, __u8 bits)
{
	const struct want shot = SHOT(C(RULE_DROP), 1);
	struct packet p;

	packet_build(spec, &p);
	p.data[at] ^= bits;
	check_packet(w, name, spec, &p, &shot);
}

/* An answer to these would reach a whole link, or somebody whose address is not what was sent. */
static void test_unanswerable(const struct world *w)
{
	const struct spec tcp = { .dst = "10.210.6.9", TCP80 },
			  tcp6 = { .dst = "fd21:6::9", TCP80 };
	const struct spec udp = { .dst = "10.210.6.9", UDP53 };

	check_changed(w, "reset rule: TCP from a group of stations", &tcp, ETH_ALEN, 1);
	check_changed(w, "reset rule: IPv6 TCP from a group of stations", &tcp6, ETH_ALEN, 1);
	check_changed(w, "reset rule: UDP from a group of stations", &udp, ETH_ALEN, 1);
	check_changed(w, "reset rule: UDP after an IP header with a wrong checksum", &udp,
		      ETH_HLEN + 10, 1);
}

/* RFC 4443 2.4 (f). A RST can cause no flood of errors: nobody answers it. */
static void test_rate(const struct world *w)
{
	const struct spec udp = { .dst = "fd21:6::9", UDP53 }, tcp = { .dst = "fd21:6::9", TCP80 };
	unsigned int errors = 0, resets = 0, each = 20000;
	time_t begin = time(NULL);
	static struct outcome o;
	struct packet p;

	for (unsigned int i = 0; i < each; i++) {
		struct __sk_buff in = { .ifindex = w->in, .ingress_ifindex = w->in };
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p.data, .ctx_in = &in,
			    .data_out = o.data, .data_size_out = sizeof(o.data),
			    .ctx_size_in = sizeof(in), .repeat = 1);

		packet_build(i % 2 ? &udp : &tcp, &p);
		opts.data_size_in = (__u32)p.len;
		must(bpf_prog_test_run_opts(w->ingress, &opts), "test run");
		errors += i % 2 && opts.retval == TC_REDIRECT;
		resets += i % 2 == 0 && opts.retval == TC_REDIRECT;
	}
	if (!tap_ok(errors && errors <= 1000 * (time(NULL) - begin + 2), "ICMP errors are limited"))
		tap_comment("%u errors for %u datagrams", errors, each / 2);
	tap_ok(resets == each / 2, "resets are not");
}

int main(void)
{
	struct world w = { 0 };

	world_open(&w);
	fill_policy(policy_maps_maps(&w), rules, ARRAY_SIZE(rules)); /* no listener is registered */
	test_refusals(&w);
	test_unanswerable(&w);
	test_rate(&w);
	world_close(&w);
	return tap_done();
}
