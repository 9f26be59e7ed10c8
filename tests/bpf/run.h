/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One packet through tproxy_ingress by BPF_PROG_TEST_RUN, and the expected result: return code,
 * mark, the counters that rise (each by one, all others not at all), the rule whose statistics
 * rise.
 *
 * bpf_sk_assign cannot run here (the skb is not at tc ingress: -EOPNOTSUPP). So a flow that the
 * program gives to a listener counts assign_failed, and the rule's on-proxy-down setting applies.
 * No other path counts assign_failed, so WANTED below proves that the flow was matched, the
 * listener found and checked.
 */
#ifndef RUN_H
#define RUN_H

#include "world.h"

#define TC_UNSPEC (-1)
#define TC_SHOT 2
#define TC_REDIRECT 7
#define NO_RULE (-1)
#define ANY_RULE (-2) /* statistics are not looked at */
#define C(symbol) (1ULL << TPROXY_COUNT_##symbol)

struct want {
	int ret;
	bool keep; /* our mark is set */
	__u64 counts;
	int rule;
};

/* clang-format off */
#define NOTHING { TC_UNSPEC, false, 0, NO_RULE }
#define COUNTED(counts) { TC_UNSPEC, false, counts, NO_RULE }
#define KEPT(counts) { TC_UNSPEC, true, counts, NO_RULE }
#define KEPT_BY(counts, rule) { TC_UNSPEC, true, counts, rule }
#define PASSED(counts, rule) { TC_UNSPEC, false, counts, rule }
#define SHOT(counts, rule) { TC_SHOT, false, counts, rule }
#define REFUSED(rule) { TC_REDIRECT, false, C(DOWN_RESET), rule }
#define WANTED(rule) SHOT(C(ASSIGN_FAILED) | C(DOWN_DROP), rule)
/* clang-format on */

struct snapshot {
	__u64 counters[TPROXY_COUNT_MAX];
	struct tproxy_rulestat rules[TPROXY_MAX_RULES];
};

struct outcome {
	int err, ret;
	__u32 mark;
	struct snapshot delta;
	__u8 data[2048];
	__u32 len;
};

static inline void read_snapshot(const struct world *w, struct snapshot *s)
{
	__u64 values[w->cpus];
	struct tproxy_rulestat stats[w->cpus];

	memset(s, 0, sizeof(*s));
	for (__u32 i = 0; i < TPROXY_COUNT_MAX; i++) {
		must(bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.counters), &i, values),
		     "counters");
		for (int cpu = 0; cpu < w->cpus; cpu++)
			s->counters[i] += values[cpu];
	}
	for (__u32 i = 0; i < TPROXY_MAX_RULES; i++) {
		must(bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.rulestats), &i, stats), "stats");
		for (int cpu = 0; cpu < w->cpus; cpu++) {
			s->rules[i].flows += stats[cpu].flows;
			s->rules[i].packets += stats[cpu].packets;
			s->rules[i].bytes += stats[cpu].bytes;
		}
	}
}

static inline void subtract(struct snapshot *after, const struct snapshot *before)
{
	for (int i = 0; i < TPROXY_COUNT_MAX; i++)
		after->counters[i] -= before->counters[i];
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		after->rules[i].flows -= before->rules[i].flows;
		after->rules[i].packets -= before->rules[i].packets;
		after->rules[i].bytes -= before->rules[i].bytes;
	}
}

static inline void run_on(const struct world *w, __u32 ifindex, __u32 mark, struct packet *p,
			  struct outcome *o)
{
	struct __sk_buff in = { .mark = mark, .ifindex = ifindex, .ingress_ifindex = ifindex };
	struct __sk_buff out = { 0 };
	struct snapshot before;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = (__u32)p->len,
		    .data_out = o->data, .data_size_out = sizeof(o->data), .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out),
		    .repeat = 1);

	read_snapshot(w, &before);
	o->err = bpf_prog_test_run_opts(w->ingress, &opts);
	read_snapshot(w, &o->delta);
	subtract(&o->delta, &before);
	o->ret = (int)opts.retval;
	o->mark = out.mark;
	o->len = opts.data_size_out;
}

static inline void explain(const struct outcome *o, const struct want *want, __u32 mark)
{
	static const char *const names[TPROXY_COUNT_MAX] = {
#define X(symbol, name, meaning) [TPROXY_COUNT_##symbol] = name,
		TPROXY_COUNTERS(X)
#undef X
	};

	if (o->err)
		tap_comment("test run: %s", strerror(-o->err));
	tap_comment("returned %d, expected %d; mark %#x, expected %#x", o->ret, want->ret, o->mark,
		    mark);
	for (int i = 0; i < TPROXY_COUNT_MAX; i++)
		if (o->delta.counters[i] != (want->counts >> i & 1))
			tap_comment("%s moved by %llu", names[i], o->delta.counters[i]);
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (o->delta.rules[i].packets || i == want->rule)
			tap_comment("rule %d: %llu flows, %llu packets, %llu bytes", i,
				    o->delta.rules[i].flows, o->delta.rules[i].packets,
				    o->delta.rules[i].bytes);
}

static inline bool counts_match(const struct snapshot *delta, __u64 counts)
{
	for (int i = 0; i < TPROXY_COUNT_MAX; i++)
		if (delta->counters[i] != (counts >> i & 1))
			return false;
	return true;
}

/* A flow start is one packet; only TCP's is counted as a flow. */
static inline bool stats_match(const struct snapshot *delta, int rule, const struct spec *spec,
			       __u16 bytes)
{
	bool tcp = !spec->proto || spec->proto == IPPROTO_TCP;

	for (int i = 0; i < TPROXY_MAX_RULES && rule != ANY_RULE; i++) {
		const struct tproxy_rulestat *stat = &delta->rules[i];

		if (i == rule && (stat->packets != 1 || stat->bytes != bytes || stat->flows != tcp))
			return false;
		if (i != rule && (stat->packets || stat->bytes || stat->flows))
			return false;
	}
	return true;
}

/* Only bits of the mask may change. */
static inline __u32 expected_mark(const struct want *want, __u32 mark)
{
	return (mark & ~MASK) | (want->keep ? MARK : 0);
}

/* One line of TAP; `spec` made `p`. */
static inline void check_packet_on(const struct world *w, __u32 ifindex, const char *name,
				   const struct spec *spec, struct packet *p,
				   const struct want *want)
{
	static struct outcome o;
	__u32 mark = expected_mark(want, spec->mark);

	run_on(w, ifindex, spec->mark, p, &o);
	if (!tap_ok(!o.err && o.ret == want->ret && o.mark == mark &&
			    counts_match(&o.delta, want->counts) &&
			    stats_match(&o.delta, want->rule, spec, p->ip_bytes),
		    name))
		explain(&o, want, mark);
}

static inline void check_packet(const struct world *w, const char *name, const struct spec *spec,
				struct packet *p, const struct want *want)
{
	check_packet_on(w, w->in, name, spec, p, want);
}

struct packet_case {
	const char *name;
	struct spec spec;
	struct want want;
};

static inline void check_case(const struct world *w, const struct packet_case *c)
{
	struct packet p;

	packet_build(&c->spec, &p);
	check_packet(w, c->name, &c->spec, &p, &c->want);
}

static inline void check_cases(const struct world *w, const struct packet_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_case(w, &cases[i]);
}

#endif
