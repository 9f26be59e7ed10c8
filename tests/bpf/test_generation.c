/* SPDX-License-Identifier: BSD-2-Clause */
/* tproxy_ingress reads one whole policy: the one whose slot the generation selects. */
#include "run.h"

static const struct rule_spec rules[] = {
	{ 0,
	  "10.210.1.0/24,fd21:1::/64",
	  NULL,
	  { "tcp/80", "udp/53" },
	  TPROXY_ACTION_PROXY,
	  TPROXY_ON_DOWN_DROP,
	  NULL },
	{ 6,
	  "10.210.7.0/24,fd21:7::/64",
	  NULL,
	  { "tcp/80", "udp/53" },
	  TPROXY_ACTION_DROP,
	  0,
	  NULL },
};

static const struct rule_spec next_rules[] = {
	{ 0,
	  "10.210.1.0/24,fd21:1::/64",
	  "10.99.0.0/24,fd99::/64",
	  { "tcp/80" },
	  TPROXY_ACTION_PASS,
	  0,
	  NULL },
	{ 1, "all", NULL, { "udp" }, TPROXY_ACTION_DROP, 0, NULL },
};

static const struct packet_case next_cases[] = {
	{ "next policy: its rule", { .dst = "10.210.1.9", TCP80 }, PASSED(C(RULE_PASS), 0) },
	{ "next policy: its rule, IPv6", { .dst = "fd21:1::9", TCP80 }, PASSED(C(RULE_PASS), 0) },
	{ "next policy: its sources", { .src = "10.99.1.1", .dst = "10.210.1.9", TCP80 }, NOTHING },
	{ "next policy: its ports", { .dst = "10.210.1.9", UDP53 }, SHOT(C(RULE_DROP), 1) },
	{ "next policy: nothing of the old one", { .dst = "10.210.7.9", TCP80 }, NOTHING },
	{ "next policy: its interfaces", { .dst = "10.210.1.9", TCP80 }, PASSED(C(RULE_PASS), 0) },
};

static const struct packet_case old_cases[] = {
	{ "old policy again", { .dst = "10.210.1.9", TCP80 }, WANTED(0) },
	{ "old policy again: another rule", { .dst = "10.210.7.9", TCP80 }, SHOT(C(RULE_DROP), 6) },
};

/*
 * A map like another one, in slot 1 of an outer map. With the same BTF: to Linux 6.1, maps with
 * and without BTF differ.
 */
static int fill_slot1(int btf, int outer, int like)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), one = 1;
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int fd;

	must(bpf_obj_get_info_by_fd(like, &info, &len), "map info");
	opts.map_flags = info.map_flags;
	opts.btf_fd = (__u32)btf;
	opts.btf_key_type_id = info.btf_key_type_id;
	opts.btf_value_type_id = info.btf_value_type_id;
	fd = bpf_map_create(info.type, "slot1", info.key_size, info.value_size, info.max_entries,
			    &opts);
	must(fd < 0, "map");
	put(outer, &one, &fd, "slot 1");
	return fd;
}

static void test_generations(const struct world *w)
{
	const struct policy_maps now = policy_maps_maps(w);
	const int outer[TABLES_MAP_MAX] = {
		[TABLES_DST4] = bpf_map__fd(w->skel->maps.dst4_gen),
		[TABLES_DST6] = bpf_map__fd(w->skel->maps.dst6_gen),
		[TABLES_SRC4] = bpf_map__fd(w->skel->maps.src4_gen),
		[TABLES_SRC6] = bpf_map__fd(w->skel->maps.src6_gen),
		[TABLES_PORTS] = bpf_map__fd(w->skel->maps.ports_gen),
		[TABLES_OWNERS] = bpf_map__fd(w->skel->maps.owners_gen),
		[TABLES_RULES] = bpf_map__fd(w->skel->maps.rules_gen),
	};
	struct policy_maps next;
	int btf = bpf_object__btf_fd(w->skel->obj);
	int ifaces = fill_slot1(btf, bpf_map__fd(w->skel->maps.ifaces_gen),
				bpf_map__fd(w->skel->maps.ifaces));

	for (int i = 0; i < TABLES_MAP_MAX; i++)
		next.fd[i] = fill_slot1(btf, outer[i], now.fd[i]);
	set_iface(ifaces, w->in, 3);
	fill_policy(next, next_rules, ARRAY_SIZE(next_rules));
	check_cases(w, old_cases, ARRAY_SIZE(old_cases)); /* filled, not yet in force */
	for (__u32 generation = 1; generation <= 3; generation++) {
		set_config(w, MARK, MASK, generation);
		if (generation % 2)
			check_cases(w, next_cases, ARRAY_SIZE(next_cases));
		else
			check_cases(w, old_cases, ARRAY_SIZE(old_cases));
	}
	set_config(w, MARK, MASK, 4);
}

int main(void)
{
	struct world w = { 0 };

	world_open(&w);
	fill_policy(policy_maps_maps(&w), rules, ARRAY_SIZE(rules));
	start_relay(&w, 0, 15002);
	test_generations(&w);
	world_close(&w);
	return tap_done();
}
