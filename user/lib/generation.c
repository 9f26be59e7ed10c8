/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/generation.h"

#include <bpf/bpf.h>
#include <string.h>

#include "lib/live.h"
#include "lib/tables.h"

/* The maps that belong to a generation, and the outer maps that hold them. */
static const struct {
	enum state_map map, outer;
} inner[] = {
	{ MAP_DST4, MAP_DST4_GEN },   { MAP_DST6, MAP_DST6_GEN },     { MAP_SRC4, MAP_SRC4_GEN },
	{ MAP_SRC6, MAP_SRC6_GEN },   { MAP_PORTS, MAP_PORTS_GEN },   { MAP_IFACES, MAP_IFACES_GEN },
	{ MAP_RULES, MAP_RULES_GEN },
};

/* An empty map like the one behind fd, field names for bpftool included. Descriptor or -errno. */
static int clone_empty(int fd, const char *name)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	__cleanup_close int btf = -1;
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	int map;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	opts.map_flags = info.map_flags;
	/* Needs CAP_SYS_ADMIN; without it names are lost, and Linux 6.1 refuses the map. */
	btf = info.btf_id ? bpf_btf_get_fd_by_id(info.btf_id) : -1;
	if (btf >= 0) {
		opts.btf_fd = (__u32)btf;
		opts.btf_key_type_id = info.btf_key_type_id;
		opts.btf_value_type_id = info.btf_value_type_id;
	}
	map = bpf_map_create(info.type, name, info.key_size, info.value_size, info.max_entries,
			     &opts);
	return map < 0 ? -errno : map;
}

static int make_maps(const struct state *state, struct state *next)
{
	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		enum state_map map = inner[i].map;
		int fd = clone_empty(state->map[map], state_map_name(map));

		if (fd < 0)
			return fd;
		next->map[map] = fd;
	}
	return 0;
}

static int copy_ifaces(const struct state *state, const struct state *next)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	size_t n = 0;
	int err = live_ifaces(state, &ifaces, &n);

	for (size_t i = 0; i < n && !err; i++) {
		ifaces[i].value.mask = 0; /* live_change_policy sets it */
		err = live_iface_set(next, ifaces[i].ifindex, &ifaces[i].value);
	}
	return err;
}

/* Counters are indexed by rule number and shared by both generations. */
static int move_rulestats(const struct state *state, const struct policy *from,
			  const struct policy *to)
{
	struct tproxy_rulestat stats[TPROXY_MAX_RULES];
	int err = 0;

	for (__u32 i = 0; i < TPROXY_MAX_RULES && !err; i++)
		err = live_rulestat(state, i, &stats[i]);
	for (__u32 i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		int was = to->rules[i].used ? policy_find(from, to->rules[i].name) : -ENOENT;

		if (was == (int)i || (was < 0 && !to->rules[i].used))
			continue;
		err = live_set_rulestat(state, i, was < 0 ? NULL : &stats[was]);
	}
	return err;
}

/* An update of a map of maps returns only after every program that ran has ended. */
static int put_outer(const struct state *state, const struct state *next, __u32 slot)
{
	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		__u32 fd = (__u32)next->map[inner[i].map];

		if (bpf_map_update_elem(state->map[inner[i].outer], &slot, &fd, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int flip(struct state *state)
{
	struct tproxy_config config = state->config;
	__u32 zero = 0;

	config.generation++;
	if (bpf_map_update_elem(state->map[MAP_CONFIG], &zero, &config, BPF_ANY))
		return -errno;
	state->config = config;
	return 0;
}

static int repin(const struct state *state, enum state_map map)
{
	char path[STATE_PATH_LEN], next[STATE_PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", state->dir, state_map_name(map));
	snprintf(next, sizeof(next), "%s/%s_next", state->dir, state_map_name(map));
	unlink(next);
	if (bpf_obj_pin(state->map[map], next) || rename(next, path))
		return -errno;
	return 0;
}

/* The old slot is emptied, so that its memory is freed; nothing runs on it any more. */
static void drop_slot(const struct state *state, __u32 slot)
{
	for (size_t i = 0; i < ARRAY_SIZE(inner); i++)
		bpf_map_delete_elem(state->map[inner[i].outer], &slot);
}

static int publish(struct state *state, struct state *next)
{
	__u32 old = state->config.generation & 1;
	int err = put_outer(state, next, !old);

	if (!err)
		err = flip(state);
	if (err)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		enum state_map map = inner[i].map;
		int fd = state->map[map];

		state->map[map] = next->map[map];
		next->map[map] = fd;
		err = err ? err : repin(state, map);
	}
	/* Once more, for its wait: a program may still be between two look-ups of the old slot. */
	if (!put_outer(state, state, !old))
		drop_slot(state, old);
	return err;
}

int generation_replace(struct state *state, const struct policy *from, const struct policy *to)
{
	struct state next __cleanup_state = STATE_CLOSED;
	static const struct policy nothing;
	int err = make_maps(state, &next);

	if (!err)
		err = copy_ifaces(state, &next);
	if (!err)
		err = live_change_policy(&next, &nothing, to);
	if (!err)
		err = publish(state, &next);
	return err ? err : move_rulestats(state, from, to);
}

int generation_repair_pins(struct state *state)
{
	__u32 slot = state->config.generation & 1;

	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		enum state_map map = inner[i].map;
		struct bpf_map_info info = { 0 };
		__u32 live, len = sizeof(info);
		int err, fd;

		if (bpf_map_lookup_elem(state->map[inner[i].outer], &slot, &live) ||
		    bpf_obj_get_info_by_fd(state->map[map], &info, &len))
			return -errno;
		if (live == info.id)
			continue;
		fd = bpf_map_get_fd_by_id(live);
		if (fd < 0)
			return -errno;
		close(state->map[map]);
		state->map[map] = fd;
		err = repin(state, map);
		if (err)
			return err;
	}
	return 0;
}
