/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/generation.h"

#include <bpf/bpf.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/maps/applied.h"
#include "kernel/maps/policy_maps.h"
#include "policy/tables.h"

/* The maps that belong to a generation, and the outer maps that hold them. */
static const struct {
	enum state_map map, outer;
} inner[] = {
	{ MAP_DST4, MAP_DST4_GEN },   { MAP_DST6, MAP_DST6_GEN },   { MAP_SRC4, MAP_SRC4_GEN },
	{ MAP_SRC6, MAP_SRC6_GEN },   { MAP_PORTS, MAP_PORTS_GEN }, { MAP_IFACES, MAP_IFACES_GEN },
	{ MAP_RULES, MAP_RULES_GEN }, { MAP_POOLS, MAP_POOLS_GEN },
};

int generation_empty_map(int fd, const char *name)
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
		int fd = generation_empty_map(state->map[map], state_map_name(map));

		if (fd < 0)
			return fd;
		next->map[map] = fd;
	}
	return 0;
}

/* The interfaces of the live maps, with the rules that `policy` has for them. */
static int copy_ifaces(const struct state *state, const struct policy *policy,
		       const struct state *next)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err = policy_maps_ifaces(state, &ifaces, &n);

	for (size_t i = 0; i < n && !err; i++) {
		const char *name = (const char *)ifaces[i].value.name;

		ifaces[i].value.mask = 0;
		if (ifaces[i].value.roles & TPROXY_ROLE_POLICY)
			ifaces[i].value.mask = policy_rules_on(policy, name);
		err = policy_maps_iface_set(next, ifaces[i].ifindex, &ifaces[i].value);
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
		err = policy_maps_rulestat(state, i, &stats[i]);
	for (__u32 i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		int was = to->rules[i].used ? policy_find(from, to->rules[i].name) : -ENOENT;

		if (was == (int)i || (was < 0 && !to->rules[i].used))
			continue;
		err = policy_maps_set_rulestat(state, i, was < 0 ? NULL : &stats[was]);
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

/* Generation and settings change in one write. */
static int flip(struct state *state, struct settings settings)
{
	struct tproxy_config config = state->config;
	__u32 zero = 0;

	config.generation++;
	settings_put(settings, &config);
	if (bpf_map_update_elem(state->map[MAP_CONFIG], &zero, &config, BPF_ANY))
		return -errno;
	state->config = config;
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

/* Swaps the descriptors, and moves the pins to the maps that the state has now. */
static int adopt(struct state *state, struct state *next)
{
	int err = 0;

	swap_maps(state, next);
	for (size_t i = 0; i < ARRAY_SIZE(inner) && !err; i++)
		err = repin(state, inner[i].map);
	return err;
}

/*
 * A program may still be between two look-ups of the slot that was live. Whoever
 * fills that slot next must not do so under it: an update of a map of maps waits.
 */
static int wait_for_readers(const struct state *state, const struct state *old, __u32 slot)
{
	__u32 fd = (__u32)old->map[MAP_RULES];

	return bpf_map_update_elem(state->map[MAP_RULES_GEN], &slot, &fd, BPF_ANY) ? -errno : 0;
}

int generation_open_slot(const struct state *state, __u32 slot, struct state *maps)
{
	int err = pindir_dup(&state->pins, "", &maps->pins);

	if (err)
		return err;
	snprintf(maps->dir, sizeof(maps->dir), "%s", state->dir);
	maps->config = state->config;
	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		__u32 id;

		if (bpf_map_lookup_elem(state->map[inner[i].outer], &slot, &id))
			return -errno;
		maps->map[inner[i].map] = bpf_map_get_fd_by_id(id);
		if (maps->map[inner[i].map] < 0)
			return -errno;
	}
	return 0;
}

/* What the idle slot holds and will hold no more; closed if that is not all its own. */
static void open_gone(const struct state *state, struct state *gone)
{
	__u32 live[APPLIED_MAPS], ids[APPLIED_MAPS];
	bool own = !generation_open_slot(state, !(state->config.generation & 1), gone) &&
		   !applied_ids(state, live) && !applied_ids(gone, ids);

	for (int i = 0; i < APPLIED_MAPS && own; i++)
		own = live[i] != ids[i];
	if (!own)
		state_close(gone);
}

/* Tries that leave both slots are emptied first, see bulk_drain_prefixes. */
static void drain(const struct state *gone)
{
	if (gone->map[MAP_RULES] < 0)
		return; /* there was none, or not a whole one */
	bulk_drain_prefixes(gone->map[MAP_DST4], AF_INET);
	bulk_drain_prefixes(gone->map[MAP_SRC4], AF_INET);
	bulk_drain_prefixes(gone->map[MAP_DST6], AF_INET6);
	bulk_drain_prefixes(gone->map[MAP_SRC6], AF_INET6);
}

/* The record of the live generation; if there is none, it is written without a text. */
static int read_or_write_applied(const struct state *state, const struct policy *policy,
				 struct applied *applied)
{
	int err = applied_read(state, applied);

	if (err != -ENOENT)
		return err;
	applied->settings = settings_live(state);
	err = applied_take_scopes(applied, policy);
	return err ? err : applied_write(state, applied);
}

static int stage_applied(const struct state *state, const struct generation_plan *plan,
			 const struct state *next)
{
	struct applied applied __cleanup_applied = { 0 };
	int err = read_or_write_applied(state, plan->from, &applied);

	applied.settings = settings_live(next);
	if (!err)
		err = applied_take_scopes(&applied, plan->to);
	if (!err && plan->text)
		err = applied_take_text(&applied, plan->text);
	return err ? err : applied_stage(state, next, &applied);
}

static int fill_pools(const struct state *state, const struct generation_plan *plan,
		      const struct state *next)
{
	struct pool_table live __cleanup_pools = { 0 };
	int err;

	if (plan->pools)
		return pools_fill(next, plan->pools);
	err = pools_read(state, &live);
	return err ? err : pools_fill(next, &live);
}

int generation_prepare(struct state *state, const struct generation_plan *plan,
		       struct state *ret_next)
{
	struct state next __cleanup_state = STATE_CLOSED;
	int err = make_maps(state, &next);

	settings_put(settings_of(plan->to), &next.config);
	if (!err)
		err = copy_ifaces(state, plan->to, &next);
	if (!err)
		err = policy_maps_fill(&next, plan->to, plan->progress);
	if (!err)
		err = fill_pools(state, plan, &next);
	if (!err)
		err = stage_applied(state, plan, &next);
	if (err)
		return err;
	*ret_next = next;
	next = STATE_CLOSED;
	return 0;
}

static int make_live(struct state *state, struct state *next)
{
	int err = flip(state, settings_live(next));

	if (err)
		return err;
	/* Now the new policy is live: generation_repair_pins repeats what fails from here on. */
	err = adopt(state, next);
	return first_error(err, applied_settle(state));
}

int generation_publish(struct state *state, const struct generation_plan *plan, struct state *next)
{
	struct state gone __cleanup_state = STATE_CLOSED;
	__u32 old = state->config.generation & 1;
	int err;

	open_gone(state, &gone);
	err = put_outer(state, next, !old);
	if (!err)
		err = make_live(state, next);
	if (!err)
		err = wait_for_readers(state, next, old);
	if (err)
		return err;
	err = move_rulestats(state, plan->from, plan->to);
	drain(&gone);
	return err;
}

int generation_replace(struct state *state, const struct generation_plan *plan)
{
	struct state next __cleanup_state = STATE_CLOSED;
	int err = generation_prepare(state, plan, &next);

	return err ? err : generation_publish(state, plan, &next);
}

/* ---- and back ------------------------------------------------------------- */

int generation_open_idle(const struct state *state, struct state *ret_idle)
{
	struct state idle __cleanup_state = STATE_CLOSED;
	struct applied applied __cleanup_applied = { 0 };
	int err = generation_open_slot(state, !(state->config.generation & 1), &idle);

	/* A slot that an interrupted replacement left half filled has no record. */
	if (!err)
		err = applied_read_scopes(&idle, &applied);
	if (err)
		return err;
	settings_put(applied.settings, &idle.config);
	*ret_idle = idle;
	idle = STATE_CLOSED;
	return 0;
}

int generation_may_rollback(const struct state *state)
{
	struct state live __cleanup_state = STATE_CLOSED;

	return generation_open_slot(state, state->config.generation & 1, &live);
}

/* Interfaces may have come and gone since. */
static int renew_ifaces(const struct state *state, const struct policy *policy,
			const struct state *idle)
{
	__cleanup_free struct iface_entry *stale = NULL;
	size_t n = 0;
	int err = policy_maps_ifaces(idle, &stale, &n);

	for (size_t i = 0; i < n && !err; i++) {
		struct tproxy_iface value;

		if (policy_maps_iface_get(state, stale[i].ifindex, &value))
			err = policy_maps_iface_del(idle, stale[i].ifindex);
	}
	return err ? err : copy_ifaces(state, policy, idle);
}

int generation_rollback(struct state *state)
{
	struct state idle __cleanup_state = STATE_CLOSED;
	struct policy from __cleanup_policy = { 0 };
	struct policy to __cleanup_policy = { 0 };
	__u32 old = state->config.generation & 1;
	int err = generation_open_idle(state, &idle);

	if (!err)
		err = policy_maps_read_rules(state, &from);
	if (!err)
		err = policy_maps_read_rules(&idle, &to);
	if (!err)
		err = renew_ifaces(state, &to, &idle);
	if (!err)
		err = make_live(state, &idle);
	if (!err)
		err = wait_for_readers(state, &idle, old);
	return err ? err : move_rulestats(state, &from, &to);
}

/* ---- readers -------------------------------------------------------------- */

static int read_config(struct state *state)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(state->map[MAP_CONFIG], &zero, &state->config) ? -errno : 0;
}

int generation_follow(struct state *state)
{
	struct state live __cleanup_state = STATE_CLOSED;
	int failed, err = read_config(state);
	__u32 seen;

	if (err)
		return err;
	do {
		state_close(&live);
		seen = state->config.generation;
		err = generation_open_slot(state, seen & 1, &live);
		/* The slot that was live is filled anew only after a flip. */
		failed = read_config(state);
	} while (!failed && state->config.generation != seen);
	err = first_error(err, failed);
	if (err)
		return err == -EPERM ? 0 : err;
	swap_maps(state, &live);
	return 0;
}

/* ---- after a kill --------------------------------------------------------- */

int generation_repair_pins(struct state *state)
{
	__u32 slot = state->config.generation & 1;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		enum state_map map = inner[i].map;
		struct bpf_map_info info = { 0 };
		__u32 live, len = sizeof(info);
		int fd;

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
	return applied_settle(state);
}
