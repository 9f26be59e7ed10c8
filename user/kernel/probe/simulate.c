/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/probe/simulate.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/flows/flowset.h"
#include "kernel/maps/policy_maps.h"
#include "kernel/maps/pools.h"
#include "kernel/probe/frame.h"
#include "tproxy.skel.h"

#define TC_SHOT 2
#define TC_REDIRECT 7
#define BUMPED(result, symbol) ((result)->counters >> TPROXY_COUNT_##symbol & 1)

const char *const simulate_verdict_names[SIMULATE_MAX] = {
	[SIMULATE_NONE] = "none",   [SIMULATE_PROXY] = "proxy",       [SIMULATE_PASS] = "pass",
	[SIMULATE_DROP] = "drop",   [SIMULATE_RESET] = "reset",       [SIMULATE_LOCAL] = "local",
	[SIMULATE_OWNED] = "owned", [SIMULATE_UNROUTED] = "unrouted", [SIMULATE_OLDER] = "older",
	[SIMULATE_POOL] = "pool",   [SIMULATE_AUDIT] = "audit",
};

/* ---- programs and maps -------------------------------------------------- */

/* The packet must not change these live maps. */
static bool is_private(enum state_map map, bool own_policy)
{
	switch (map) {
	case MAP_COUNTERS:
	case MAP_RULESTATS:
	case MAP_TICKETS:
	case MAP_FRAGS:
	case MAP_OLDER: /* a look-up of an entry renews it */
	case MAP_PROXIED:
	case MAP_PROXIED_TAGS:
	case MAP_COOKIE:
	case MAP_ASKING:
	case MAP_HEALTH:
	case MAP_PROBE:
	case MAP_AUDITED:
	case MAP_AUDIT_PLACES:
	case MAP_WATCH_WANTED: /* it is no packet that a trace may show */
		return true;
	case MAP_SOCKS:
		return false;
	default:
		return own_policy;
	}
}

static int share_maps(struct tproxy_bpf *skel, const struct state *live, bool own_policy)
{
	for (int i = 0; i < MAP_MAX && live; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, state_map_name(i));
		int err = map ? 0 : -ENOENT;

		if (!err && !is_private(i, own_policy) && live->map[i] >= 0)
			err = bpf_map__reuse_fd(map, live->map[i]);
		if (err)
			return err;
	}
	return 0;
}

static int open_programs(struct simulation *simulation, const struct state *live, bool own_policy)
{
	struct tproxy_bpf *skel = tproxy_bpf__open();
	int err;

	if (!skel)
		return -errno;
	err = share_maps(skel, live, own_policy);
	if (!err)
		err = tproxy_bpf__load(skel);
	if (err) {
		tproxy_bpf__destroy(skel);
		return err;
	}
	simulation->skel = skel;
	simulation->older = live ? live->map[MAP_OLDER] : -1;
	for (int i = 0; i < MAP_MAX; i++)
		simulation->maps.map[i] =
			bpf_map__fd(bpf_object__find_map_by_name(skel->obj, state_map_name(i)));
	return 0;
}

int simulate_open(struct simulation *simulation, const struct state *live)
{
	return open_programs(simulation, live, false);
}

int simulate_open_empty(struct simulation *simulation, const struct state *live)
{
	return open_programs(simulation, live, true);
}

void simulate_close(struct simulation *simulation)
{
	tproxy_bpf__destroy(simulation->skel);
	*simulation = (struct simulation)SIMULATE_CLOSED;
}

/* ---- the packet --------------------------------------------------------- */

/* The kernel drops a frame that is not addressed to the device. */
static int make_frame(const struct simulated_flow *flow, struct frame *ret_frame)
{
	__u8 address[ETH_ALEN];
	bool ethernet;
	int err = frame_device(flow->ifindex, address, &ethernet);

	if (!err)
		frame_make(ret_frame, flow->proto, &flow->src, &flow->dst, address);
	return err;
}

static struct tproxy_flow_key key_of(const struct simulated_flow *flow)
{
	struct tproxy_flow_key key;

	flow_key_make(&key, flow->src.family, flow->src.addr, flow->dst.addr);
	key.sport = htons(flow->src.port);
	key.dport = htons(flow->dst.port);
	return key;
}

static bool may_be_older(const struct simulation *simulation, const struct simulated_flow *flow)
{
	return simulation->older >= 0 && flow->proto == IPPROTO_UDP;
}

/* Copies the flow's entry, if it has one, for the time of a run. */
static int copy_older(const struct simulation *simulation, const struct simulated_flow *flow)
{
	const struct tproxy_flow_key key = key_of(flow);
	struct tproxy_older value;

	if (!may_be_older(simulation, flow) || bpf_map_lookup_elem(simulation->older, &key, &value))
		return 0;
	return bpf_map_update_elem(simulation->maps.map[MAP_OLDER], &key, &value, BPF_ANY) ?
		       -errno :
		       0;
}

static int delete_older(const struct simulation *simulation, const struct simulated_flow *flow)
{
	const struct tproxy_flow_key key = key_of(flow);

	if (may_be_older(simulation, flow) &&
	    bpf_map_delete_elem(simulation->maps.map[MAP_OLDER], &key) && errno != ENOENT)
		return -errno;
	return 0;
}

/* ---- the verdict -------------------------------------------------------- */

static int read_counters(const struct simulation *simulation, struct simulate_result *result)
{
	__u64 counters[TPROXY_COUNT_MAX];
	struct tproxy_rulestat stat;
	int err = policy_maps_counters(&simulation->maps, counters);

	result->rule = -1;
	for (int i = 0; i < TPROXY_COUNT_MAX && !err; i++)
		if (counters[i])
			result->counters |= 1ULL << i;
	for (__u32 i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		err = policy_maps_rulestat(&simulation->maps, i, &stat);
		if (!err && stat.packets)
			result->rule = (int)i;
		if (!err)
			err = policy_maps_set_rulestat(&simulation->maps, i, NULL);
	}
	return err;
}

/*
 * bpf_sk_assign refuses a packet that no device has received. The program calls it only with a
 * listener that is fit, so here ASSIGN_FAILED shows a flow that a proxy would get.
 */
static enum simulate_verdict verdict_of(const struct simulate_result *r, __u32 retval)
{
	if (BUMPED(r, ASSIGN_FAILED) || BUMPED(r, STEERED) || BUMPED(r, TIME_WAIT))
		return SIMULATE_PROXY;
	if (BUMPED(r, OWNED) || BUMPED(r, FOREIGN_LISTENER))
		return SIMULATE_OWNED;
	if (BUMPED(r, OLDER))
		return SIMULATE_OLDER;
	if (BUMPED(r, LOCAL_DST))
		return SIMULATE_LOCAL;
	if (BUMPED(r, UNROUTED))
		return SIMULATE_UNROUTED;
	if (retval == TC_REDIRECT)
		return SIMULATE_RESET;
	if (retval == TC_SHOT)
		return SIMULATE_DROP;
	if (BUMPED(r, RULE_AUDIT))
		return SIMULATE_AUDIT;
	return BUMPED(r, RULE_PASS) || BUMPED(r, DOWN_PASS) ? SIMULATE_PASS : SIMULATE_NONE;
}

int simulate_run(const struct simulation *simulation, const struct simulated_flow *flow,
		 struct simulate_result *ret_result)
{
	struct __sk_buff ctx = { .ifindex = (__u32)flow->ifindex,
				 .ingress_ifindex = (__u32)flow->ifindex };
	struct simulate_result result = { 0 };
	struct frame p;
	__u8 out[512];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p.data, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .repeat = 1);
	int err = make_frame(flow, &p);

	if (err)
		return err;
	opts.data_size_in = (__u32)p.len;
	err = copy_older(simulation, flow);
	if (!err)
		err = bpf_prog_test_run_opts(
			bpf_program__fd(simulation->skel->progs.tproxy_ingress), &opts);
	if (!err)
		err = read_counters(simulation, &result);
	if (!err)
		err = delete_older(simulation, flow);
	if (err)
		return err;
	result.verdict = verdict_of(&result, opts.retval);
	/* sk_lookup decides about these, after the program let the packet pass. */
	if ((result.verdict == SIMULATE_NONE || result.verdict == SIMULATE_LOCAL ||
	     result.verdict == SIMULATE_UNROUTED) &&
	    pools_have(&simulation->maps, &flow->dst))
		result.verdict = SIMULATE_POOL;
	result.no_listener = !BUMPED(&result, ASSIGN_FAILED) &&
			     (BUMPED(&result, DOWN_DROP) || BUMPED(&result, DOWN_PASS) ||
			      BUMPED(&result, DOWN_RESET));
	*ret_result = result;
	return 0;
}
