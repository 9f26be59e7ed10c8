/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/health.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>

/* A CPU moves its numbers on when it next counts, so those of an older half minute are outdated. */
static void add_cpu(struct health *sum, const struct tproxy_health *cpu, __u32 epoch)
{
	for (int i = 0; i < 2; i++) {
		if (cpu->epoch - (__u32)i != epoch && cpu->epoch - (__u32)i != epoch - 1)
			continue;
		sum->started += cpu->started[i];
		sum->delivered += cpu->delivered[i];
	}
	if (cpu->last_ns <= sum->last_ns)
		return;
	sum->last_ns = cpu->last_ns;
	sum->last = cpu->last;
	sum->ifindex = cpu->ifindex;
}

/*
 * A handshake may begin on one CPU and end on another. What a CPU has counted since its own latest
 * delivery counts in full if the first of these starts came after the latest delivery of all CPUs;
 * else only its latest start is sure.
 */
static void add_unanswered(struct health *sum, const struct tproxy_health *cpu, __u64 delivered_ns)
{
	__u64 first = cpu->since_ns;
	__u64 n = cpu->since;

	if (!n || cpu->last_ns <= delivered_ns)
		return;
	if (first <= delivered_ns) {
		first = cpu->last_ns;
		n = 1;
	}
	sum->unanswered += n;
	if (!sum->unanswered_ns || first < sum->unanswered_ns)
		sum->unanswered_ns = first;
}

int health_read(const struct state *state, __u32 rule, __u8 proto, struct health *ret_health)
{
	__u32 key = 2 * rule + (proto == IPPROTO_UDP);
	__u32 epoch = (__u32)(monotonic_ns() >> TPROXY_HEALTH_SHIFT);
	__cleanup_free struct tproxy_health *values = NULL;
	int cpus = libbpf_num_possible_cpus();
	struct health sum = { 0 };
	__u64 delivered_ns = 0;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(state->map[MAP_HEALTH], &key, values))
		return -errno;
	for (int i = 0; i < cpus; i++) {
		add_cpu(&sum, &values[i], epoch);
		if (values[i].delivered_ns > delivered_ns)
			delivered_ns = values[i].delivered_ns;
	}
	for (int i = 0; i < cpus; i++)
		add_unanswered(&sum, &values[i], delivered_ns);
	/* A client that answers twice because the listener is slow counts twice. */
	if (sum.delivered > sum.started)
		sum.delivered = sum.started;
	*ret_health = sum;
	return 0;
}

/* key / 2 is the number of the rule, key % 2 its protocol. cpus: of one entry. */
static int read_entries(const struct state *state, struct tproxy_health *values, size_t cpus)
{
	for (__u32 key = 0; key < TPROXY_HEALTH_ENTRIES; key++)
		if (bpf_map_lookup_elem(state->map[MAP_HEALTH], &key, &values[key * cpus]))
			return -errno;
	return 0;
}

int health_move(const struct state *state, const int was[TPROXY_MAX_RULES])
{
	int cpus = libbpf_num_possible_cpus();
	__cleanup_free struct tproxy_health *values = NULL;
	const struct tproxy_health *none;
	int err;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus * (TPROXY_HEALTH_ENTRIES + 1), sizeof(*values));
	if (!values)
		return -ENOMEM;
	none = &values[TPROXY_HEALTH_ENTRIES * cpus];
	err = read_entries(state, values, (size_t)cpus);
	for (__u32 key = 0; key < TPROXY_HEALTH_ENTRIES && !err; key++) {
		int from = was[key / 2];

		if (from == (int)key / 2)
			continue;
		if (bpf_map_update_elem(state->map[MAP_HEALTH], &key,
					from < 0 ? none : &values[(2 * from + (int)key % 2) * cpus],
					BPF_ANY))
			err = -errno;
	}
	return err;
}
