/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A full table of audited flows. What is over makes room for new flows wherever it is in the table, a
 * bounded amount at a time, and what is open stays.
 */
#include "run.h"

#include <time.h>

#define ATTEMPT_NS 10000000ULL /* as in audit_room.bpf.h */
#define ATTEMPTS 512           /* until each place was visited */

static const struct rule_spec rules[] = {
	{ 0, "10.210.5.0/24", NULL, { "udp/53" }, TPROXY_ACTION_AUDIT, 0, NULL },
};

static const struct {
	const char *name;
	__u32 open; /* that come first in the table; the others are over */
} tables[] = {
	{ "one entry is over, the last one", TPROXY_MAX_AUDITED - 1 },
	{ "the last hundred are over", TPROXY_MAX_AUDITED - 100 },
	{ "nothing is over", TPROXY_MAX_AUDITED },
};

/* Over, too: no answer for some seconds, as after a flood with forged addresses. */
static bool unanswered;

static struct tproxy_flow_key keys[TPROXY_MAX_AUDITED];
static struct tproxy_audited values[TPROXY_MAX_AUDITED];
static int table;
static __u32 started, longest_ns;

static __u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (__u64)t.tv_sec * 1000000000 + (__u64)t.tv_nsec;
}

static void run(int prog, struct __sk_buff in, const struct spec *spec)
{
	struct packet p;

	packet_build(spec, &p);

	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p.data, .data_size_in = (__u32)p.len,
		    .ctx_in = &in, .ctx_size_in = sizeof(in), .repeat = 1);

	must(bpf_prog_test_run_opts(prog, &opts), "test run");
	if (opts.duration > longest_ns)
		longest_ns = opts.duration;
}

/* Each is another flow. */
static void start_flow(const struct world *w, bool answered)
{
	const struct __sk_buff in = { .ifindex = w->in, .ingress_ifindex = w->in };
	const struct __sk_buff out = { .ifindex = w->in, .ingress_ifindex = w->out };
	char server[sizeof("10.210.5.255")];
	__u16 port = (__u16)(1 + started % 60000);
	struct spec up = { .src = "10.98.0.9", .dst = server, UDP53, .sport = port };
	struct spec down = { .src = server, .dst = "10.98.0.9", .proto = UDP, .sport = 53 };

	snprintf(server, sizeof(server), "10.210.5.%u", 1 + started++ / 60000);
	down.dport = port;
	run(w->ingress, in, &up);
	if (answered)
		run(bpf_program__fd(w->skel->progs.tproxy_egress), out, &down);
}

static void fill(const struct world *w)
{
	for (__u32 i = 0; i < TPROXY_MAX_AUDITED; i++)
		start_flow(w, false);
}

/* In the order of the table. */
static __u32 read_table(void)
{
	__u32 n = 0, at = 0, some;
	int err;

	do {
		some = TPROXY_MAX_AUDITED - n;
		err = bpf_map_lookup_batch(table, n ? &at : NULL, &at, keys + n, values + n, &some,
					   NULL);
		n += some;
	} while (!err && n < TPROXY_MAX_AUDITED);
	return n;
}

/* Half of those that are over have ended, half are idle. Open ones must not become idle meanwhile. */
static void set_ends(__u32 open)
{
	const __u64 now = now_ns();

	for (__u32 i = 0; i < TPROXY_MAX_AUDITED; i++) {
		values[i].end =
			i >= open && i % 2 && !unanswered ? TPROXY_AUDIT_IDLE : TPROXY_AUDIT_NONE;
		values[i].last_ns = i < open   ? now + 3600 * 1000000000ULL :
				    unanswered ? now - 10 * 1000000000ULL :
						 now - 2 * TPROXY_AUDITED_UDP_IDLE_NS;
		put(table, &keys[i], &values[i], "audited");
	}
}

static __u32 count_there(__u32 from, __u32 to)
{
	struct tproxy_audited a;
	__u32 n = 0;

	for (__u32 i = from; i < to; i++)
		n += !bpf_map_lookup_elem(table, &keys[i], &a);
	return n;
}

static __u64 counted(const struct snapshot *before, const struct snapshot *after,
		     enum tproxy_counter which)
{
	return after->counters[which] - before->counters[which];
}

/* A flow begins whenever the data path may make room: twice the round of the cursor. */
static __u32 start_flows(const struct world *w, __u32 over)
{
	__u32 n = 0;

	while (n < 2 * ATTEMPTS && count_there(TPROXY_MAX_AUDITED - over, TPROXY_MAX_AUDITED)) {
		const __u64 next = now_ns() + ATTEMPT_NS;

		start_flow(w, true);
		n++;
		while (now_ns() < next)
			usleep(1000);
	}
	for (; n < ATTEMPTS && !over; n++)
		start_flow(w, true);
	return n;
}

static void test_table(const struct world *w, const char *name, __u32 open)
{
	const __u32 over = TPROXY_MAX_AUDITED - open;
	struct snapshot before, after;
	char text[160];
	__u32 n;

	if (read_table() != TPROXY_MAX_AUDITED)
		tap_bail("the table is not full");
	set_ends(open);
	read_snapshot(w, &before);
	longest_ns = 0;
	n = start_flows(w, over);
	read_snapshot(w, &after);
	tap_comment("%u flows began; the slowest start took %u us", n, longest_ns / 1000);
	snprintf(text, sizeof(text), "%s: it makes room", name);
	tap_ok(!count_there(open, TPROXY_MAX_AUDITED), text);
	snprintf(text, sizeof(text), "%s: open flows stay", name);
	tap_ok(count_there(0, open) == open, text);
	snprintf(text, sizeof(text), "%s: each record that is lost counts", name);
	tap_ok(counted(&before, &after, TPROXY_COUNT_AUDIT_LOST) == over, text);
	snprintf(text, sizeof(text), "%s: so does each flow without room", name);
	tap_ok(counted(&before, &after, TPROXY_COUNT_AUDIT_FULL) == n - (read_table() - open),
	       text);
}

/* Until the table is full again. */
static void refill(const struct world *w)
{
	for (__u32 n = read_table(); n < TPROXY_MAX_AUDITED; n++)
		start_flow(w, false);
}

int main(void)
{
	struct tproxy_config config;
	struct world w = { 0 };

	world_open(&w);
	table = bpf_map__fd(w.skel->maps.audited);
	fill_policy(policy_maps_maps(&w), rules, ARRAY_SIZE(rules));
	read_config(&w, &config);
	config.audit = 1;
	write_config(&w, &config);
	fill(&w);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		refill(&w);
		test_table(&w, tables[i].name, tables[i].open);
	}
	refill(&w);
	unanswered = true;
	test_table(&w, "the last hundred have no answer", TPROXY_MAX_AUDITED - 100);
	world_close(&w);
	return tap_done();
}
