/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One packet through the program and through the reference: compares them, reports a difference,
 * and reduces the packet as long as they differ.
 */
#ifndef MUTATE_COMPARE_H
#define MUTATE_COMPARE_H

#include "mutate_reply.h"
#include "mutate_world.h"

#define TC_UNSPEC (-1)
#define TC_SHOT 2
#define TC_REDIRECT 7

static const char *const counter_names[TPROXY_COUNT_MAX] = {
#define X(symbol, name, meaning) [TPROXY_COUNT_##symbol] = name,
	TPROXY_COUNTERS(X)
#undef X
};

/* Results of a round, for the parent process. */
struct tally {
	__u64 packets, refused, disagreements;
	__u64 exits[REF_EXIT_MAX];
	__u64 counters[TPROXY_COUNT_MAX];
};

struct totals {
	__u64 counters[TPROXY_COUNT_MAX];
	struct tproxy_rulestat rules[TPROXY_MAX_RULES];
};

struct round {
	struct world w;
	struct ref_world ref;
	struct rng rng;
	struct tally *tally;
	struct packet corpus[CORPUS_SIZE];
	struct mutate_policy policy;
	struct tables tables;  /* in the maps */
	const __u64 *counters; /* where the program counts */
	const struct tproxy_rulestat *rules;
	struct totals expected;
	bool shown[REF_EXIT_MAX]; /* one difference of a kind is enough */
};

/* ---- one packet --------------------------------------------------------- */

struct comparison {
	struct packet p;
	__u32 ifindex, mark, gso_size;
	int err, ret; /* of the test run */
	__u32 mark_out, len_out;
	__u8 out[2048];
	struct ref_answer answer;
	const char *wrong; /* NULL: both agree */
};

static inline void make_comparison(struct round *r, struct comparison *c)
{
	static const __u32 marks[] = { MARK, MASK, MASK & ~MARK, ~MASK, 0xffffffff, 0xff };
	const struct packet *from = &r->corpus[rng_below(&r->rng, CORPUS_SIZE)];
	const struct packet *other = &r->corpus[rng_below(&r->rng, CORPUS_SIZE)];
	bool out;

	memcpy(c->p.data, from->data, from->len);
	c->p.len = from->len;
	mutate_packet(&r->rng, &c->p, other);
	out = !memcmp(c->p.data, r->ref.ifaces[1].mac, ETH_ALEN) && !rng_one_in(&r->rng, 4);
	c->ifindex = r->ref.ifaces[out].ifindex;
	c->gso_size = rng_one_in(&r->rng, 16) ? 100 : 0;
	c->mark = rng_one_in(&r->rng, 8) ? marks[rng_below(&r->rng, ARRAY_SIZE(marks))] : 0;
}

static inline void run_program(struct round *r, struct comparison *c)
{
	struct __sk_buff in = { .mark = c->mark,
				.ifindex = c->ifindex,
				.ingress_ifindex = c->ifindex,
				.gso_size = c->gso_size };
	struct __sk_buff out = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = c->p.data, .data_size_in = (__u32)c->p.len,
		    .data_out = c->out, .data_size_out = sizeof(c->out), .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out),
		    .repeat = 1);

	r->w.skel->bss->icmp_errors.sent = 0; /* their rate is limited */
	c->err = bpf_prog_test_run_opts(r->w.ingress, &opts);
	c->ret = (int)opts.retval;
	c->mark_out = out.mark;
	c->len_out = opts.data_size_out;
}

static inline void expect(struct totals *e, const struct ref_answer *a)
{
	for (int i = 0; i < TPROXY_COUNT_MAX; i++)
		e->counters[i] += a->counts >> i & 1;
	if (a->rule < 0)
		return;
	e->rules[a->rule].packets++;
	e->rules[a->rule].flows += a->flow;
	e->rules[a->rule].bytes += a->bytes;
}

static inline bool is_empty(const struct bpf_map *map)
{
	__u8 key[64];

	return bpf_map_get_next_key(bpf_map__fd(map), NULL, key) == -ENOENT;
}

/* Reads and deletes the ticket. */
static inline bool ticket_is_right(struct round *r, const struct ref_answer *a)
{
	int fd = bpf_map__fd(r->w.skel->maps.tickets);
	struct tproxy_ticket ticket;

	if (bpf_map_lookup_elem(fd, &a->ticket_key, &ticket))
		return false;
	bpf_map_delete_elem(fd, &a->ticket_key);
	return (int)ticket.rule == a->ticket_rule && ticket.slot >= a->ticket_slot &&
	       ticket.slot < a->ticket_slot + a->ticket_ways;
}

static inline const char *compare(struct round *r, const struct comparison *c,
				  const struct ref_packet *p)
{
	static const int codes[] = { [REF_NEXT] = TC_UNSPEC,
				     [REF_KEEP] = TC_UNSPEC,
				     [REF_DROP] = TC_SHOT,
				     [REF_REPLY] = TC_REDIRECT };
	const struct ref_answer *a = &c->answer;

	if (c->err)
		return "the test run failed";
	if (c->ret != codes[a->verdict])
		return "return code";
	if (c->mark_out != a->mark)
		return "mark";
	if (memcmp(r->expected.counters, r->counters, sizeof(r->expected.counters)))
		return "counters";
	if (memcmp(r->expected.rules, r->rules, sizeof(r->expected.rules)))
		return "rule statistics";
	if (a->ticket && !ticket_is_right(r, a))
		return "ticket";
	if (a->exit == REF_EXIT_LATE) /* a listener may refuse it */
		bpf_map_delete_elem(bpf_map__fd(r->w.skel->maps.tickets), &a->ticket_key);
	if (!is_empty(r->w.skel->maps.tickets))
		return "a ticket too many";
	/* Only a refusal changes the packet; a dropped packet may be half changed. */
	if (c->ret == TC_UNSPEC && (c->len_out != c->p.len || memcmp(c->out, c->p.data, c->p.len)))
		return "the packet was changed";
	return a->verdict == REF_REPLY ? reply_wrong(p, c->out, c->len_out) : NULL;
}

/* Some kernels refuse to run a frame that is shorter than its IP header. */
static inline bool was_refused(const struct comparison *c)
{
	return c->err == -EINVAL && c->p.len < ETH_HLEN + IP6_LEN;
}

static inline void run_comparison(struct round *r, struct comparison *c)
{
	const struct ref_packet p = { c->p.data, c->p.len, c->ifindex, c->mark, c->gso_size };

	run_program(r, c);
	c->wrong = NULL;
	if (was_refused(c))
		return;
	ref_decide(&r->ref, &p, &c->answer);
	expect(&r->expected, &c->answer);
	c->wrong = compare(r, c, &p);
}

/* ---- disagreements ------------------------------------------------------ */

static inline void resume(struct round *r)
{
	memcpy(r->expected.counters, r->counters, sizeof(r->expected.counters));
	memcpy(r->expected.rules, r->rules, sizeof(r->expected.rules));
}

static inline void empty(const struct bpf_map *map)
{
	__u8 key[64];

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		bpf_map_delete_elem(bpf_map__fd(map), key);
}

/* Removes what earlier packets left. */
static inline void forget(struct round *r)
{
	resume(r);
	empty(r->w.skel->maps.frags);
	empty(r->w.skel->maps.tickets);
	r->ref.n_fragments = 0;
}

/* Do they still differ in the same way? */
static inline bool still_wrong(struct round *r, struct comparison *c,
			       const struct comparison *before)
{
	forget(r);
	run_comparison(r, c);
	return c->wrong == before->wrong && c->answer.exit == before->answer.exit;
}

/* Cuts the end and zeroes bytes while the difference remains. False: it needs earlier packets. */
static inline bool minimise(struct round *r, const struct comparison *found,
			    struct comparison *less)
{
	*less = *found;
	if (!still_wrong(r, less, found))
		return false;
	while (less->p.len > ETH_HLEN) {
		less->p.len--;
		if (still_wrong(r, less, found))
			continue;
		less->p.len++;
		break;
	}
	for (size_t i = ETH_HLEN; i < less->p.len; i++) {
		__u8 was = less->p.data[i];

		less->p.data[i] = 0;
		if (!still_wrong(r, less, found))
			less->p.data[i] = was;
	}
	return still_wrong(r, less, found);
}

static inline void show_comparison(const struct round *r, const struct comparison *c)
{
	printf("# packet, interface %s, mark %#x%s:", c->ifindex == r->w.in ? "in0" : "out0",
	       c->mark, c->gso_size ? ", GSO" : "");
	for (size_t i = 0; i < c->p.len; i++)
		printf("%s%02x", i % 32 ? "" : "\n#   ", c->p.data[i]);
	printf("\n");
	tap_comment("reference: %s (%s), mark %#x, rule %d", ref_verdict_names[c->answer.verdict],
		    ref_exit_names[c->answer.exit], c->answer.mark, c->answer.rule);
	tap_comment("program: error %d, returned %d, mark %#x", c->err, c->ret, c->mark_out);
	for (int i = 0; i < TPROXY_COUNT_MAX; i++)
		if (r->expected.counters[i] != r->counters[i])
			tap_comment("%s moved by %lld, expected %llu", counter_names[i],
				    (long long)(r->counters[i] - r->expected.counters[i] +
						(c->answer.counts >> i & 1)),
				    c->answer.counts >> i & 1);
}

static inline void disagree(struct round *r, const struct comparison *c)
{
	static struct comparison less;

	r->tally->disagreements++;
	if (!r->shown[c->answer.exit]) {
		r->shown[c->answer.exit] = true;
		tap_comment("%s, packet %llu", c->wrong, r->tally->packets);
		show_comparison(r, c);
		if (minimise(r, c, &less)) {
			tap_comment("the same, reduced");
			show_comparison(r, &less);
		}
		mutate_policy_print(&r->policy);
		fflush(stdout);
	}
	forget(r);
}

#endif
