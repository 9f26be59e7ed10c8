/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/policy_slots.h"

#include <bpf/bpf.h>
#include <string.h>

/* The maps that belong to a generation, and the outer maps that hold them. */
static const struct {
	enum state_map map, outer;
} inner[] = {
	{ MAP_DST4, MAP_DST4_GEN },   { MAP_DST6, MAP_DST6_GEN },   { MAP_SRC4, MAP_SRC4_GEN },
	{ MAP_SRC6, MAP_SRC6_GEN },   { MAP_PORTS, MAP_PORTS_GEN }, { MAP_IFACES, MAP_IFACES_GEN },
	{ MAP_RULES, MAP_RULES_GEN }, { MAP_POOLS, MAP_POOLS_GEN }, { MAP_OWNERS, MAP_OWNERS_GEN },
};

/* States of older builds lack the outer map of one that was added, or have empty slots in it. */
static bool is_there(const struct state *state, size_t i)
{
	return state->map[inner[i].outer] >= 0;
}

__u32 policy_slots_live(const struct state *state)
{
	return state->config.generation & 1;
}

__u32 policy_slots_idle(const struct state *state)
{
	return !policy_slots_live(state);
}

int policy_slots_empty_map(int fd, const char *name)
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

int policy_slots_make(const struct state *state, struct state *ret_maps)
{
	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		enum state_map map = inner[i].map;
		int fd;

		if (!is_there(state, i))
			continue;
		fd = policy_slots_empty_map(state->map[map], state_map_name(map));
		if (fd < 0)
			return fd;
		ret_maps->map[map] = fd;
	}
	return 0;
}

int policy_slots_fill(const struct state *state, const struct state *maps, __u32 slot)
{
	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		__u32 fd = (__u32)maps->map[inner[i].map];

		if (is_there(state, i) &&
		    bpf_map_update_elem(state->map[inner[i].outer], &slot, &fd, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int repin(const struct state *state, enum state_map map)
{
	char next[STATE_PATH_LEN];
	int err;

	snprintf(next, sizeof(next), "%s_next", state_map_pin(map));
	pindir_unlink(&state->pins, next);
	err = state_pin(&state->pins, next, state->map[map]);
	return err ? err : pindir_rename(&state->pins, next, state_map_pin(map));
}

static void swap_maps(struct state *a, struct state *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		enum state_map map = inner[i].map;
		int fd = a->map[map];

		a->map[map] = b->map[map];
		b->map[map] = fd;
	}
}

int policy_slots_adopt(struct state *state, struct state *maps)
{
	int err = 0;

	swap_maps(state, maps);
	for (size_t i = 0; i < ARRAY_SIZE(inner) && !err; i++)
		if (state->map[inner[i].map] >= 0)
			err = repin(state, inner[i].map);
	return err;
}

int policy_slots_wait(const struct state *state, const struct state *maps, __u32 slot)
{
	__u32 fd = (__u32)maps->map[MAP_RULES];

	return bpf_map_update_elem(state->map[MAP_RULES_GEN], &slot, &fd, BPF_ANY) ? -errno : 0;
}

int policy_slots_open(const struct state *state, __u32 slot, struct state *ret_maps)
{
	int err = pindir_dup(&state->pins, "", &ret_maps->pins);

	if (err)
		return err;
	snprintf(ret_maps->dir, sizeof(ret_maps->dir), "%s", state->dir);
	ret_maps->config = state->config;
	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		__u32 id;

		if (!is_there(state, i))
			continue;
		if (bpf_map_lookup_elem(state->map[inner[i].outer], &slot, &id)) {
			if (errno == ENOENT && state_map_is_added(inner[i].map))
				continue;
			return -errno;
		}
		ret_maps->map[inner[i].map] = bpf_map_get_fd_by_id(id);
		if (ret_maps->map[inner[i].map] < 0)
			return -errno;
	}
	return 0;
}

/* ---- readers ------------------------------------------------------------ */

static int read_config(struct state *state)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(state->map[MAP_CONFIG], &zero, &state->config) ? -errno : 0;
}

int policy_slots_follow(struct state *state)
{
	struct state live __cleanup_state = STATE_CLOSED;
	int failed, err = read_config(state);
	__u32 seen;

	if (err)
		return err;
	do {
		state_close(&live);
		seen = state->config.generation;
		err = policy_slots_open(state, policy_slots_live(state), &live);
		/* The slot that was live is filled again only after the next flip. */
		failed = read_config(state);
	} while (!failed && state->config.generation != seen);
	err = first_error(err, failed);
	if (err)
		return err == -EPERM ? 0 : err;
	swap_maps(state, &live);
	return 0;
}

/* ---- after an interruption ---------------------------------------------- */

/* An empty map where a slot of an added outer map has none. 1: `state` has it now, not pinned. */
static int add_missing(struct state *state, __u32 slot, size_t i)
{
	enum state_map map = inner[i].map;
	__u32 id;
	int fd;

	if (!state_map_is_added(map) ||
	    !bpf_map_lookup_elem(state->map[inner[i].outer], &slot, &id))
		return 0;
	if (errno != ENOENT)
		return -errno;
	fd = policy_slots_empty_map(state->map[map], state_map_name(map));
	if (fd < 0)
		return fd;
	close(state->map[map]);
	state->map[map] = fd;
	return bpf_map_update_elem(state->map[inner[i].outer], &slot, &fd, BPF_ANY) ? -errno : 1;
}

int policy_slots_add(struct state *state)
{
	int result = 0;

	for (size_t i = 0; i < ARRAY_SIZE(inner) && result >= 0; i++)
		if (is_there(state, i))
			result = add_missing(state, policy_slots_live(state), i);
	return result < 0 ? result : 0;
}

static int repair_pin(struct state *state, __u32 slot, size_t i)
{
	enum state_map map = inner[i].map;
	struct bpf_map_info info = { 0 };
	__u32 live, len = sizeof(info);
	int fd, added = add_missing(state, slot, i);

	if (added)
		return added < 0 ? added : repin(state, map);
	if (bpf_map_lookup_elem(state->map[inner[i].outer], &slot, &live) ||
	    bpf_obj_get_info_by_fd(state->map[map], &info, &len))
		return -errno;
	if (live == info.id)
		return 0;
	fd = bpf_map_get_fd_by_id(live);
	if (fd < 0)
		return -errno;
	close(state->map[map]);
	state->map[map] = fd;
	return repin(state, map);
}

int policy_slots_repair_pins(struct state *state)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(inner) && !err; i++)
		if (is_there(state, i))
			err = repair_pin(state, policy_slots_live(state), i);
	return err;
}
