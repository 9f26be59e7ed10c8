/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/generation.h"

#include <bpf/bpf.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/maps/applied.h"
#include "kernel/maps/figures.h"
#include "kernel/maps/policy_maps.h"
#include "kernel/maps/policy_slots.h"
#include "policy/tables.h"

/* The interfaces of the live maps, with the rules that `policy` has for them. */
static int copy_ifaces(const struct state *state, const struct policy *policy,
		       const struct state *next)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err = policy_maps_ifaces(state, &ifaces, &n);

	for (size_t i = 0; i < n && !err; i++) {
		ifaces[i].value.mask = policy_iface_rules(policy, &ifaces[i].value);
		err = policy_maps_iface_set(next, ifaces[i].ifindex, &ifaces[i].value);
	}
	return err;
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

/* The maps that the idle slot is about to lose; closed if the live slot shares any of them. */
static void open_gone(const struct state *state, struct state *gone)
{
	__u32 live[APPLIED_MAPS], ids[APPLIED_MAPS];
	bool own = !policy_slots_open(state, policy_slots_idle(state), gone) &&
		   !applied_ids(state, live) && !applied_ids(gone, ids);

	for (int i = 0; i < APPLIED_MAPS && own; i++)
		own = live[i] != ids[i];
	if (!own)
		state_close(gone);
}

/* Tries that no slot holds any more are emptied first, see bulk_drain_prefixes. */
static void drain(const struct state *gone)
{
	if (gone->map[MAP_RULES] < 0)
		return; /* the slot was empty, or had not all its maps */
	bulk_drain_prefixes(gone->map[MAP_DST4], AF_INET);
	bulk_drain_prefixes(gone->map[MAP_SRC4], AF_INET);
	bulk_drain_prefixes(gone->map[MAP_DST6], AF_INET6);
	bulk_drain_prefixes(gone->map[MAP_SRC6], AF_INET6);
	if (gone->map[MAP_OWNERS] >= 0)
		bulk_drain_prefixes(gone->map[MAP_OWNERS], OWNER_FAMILY);
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
	int err = policy_slots_make(state, &next);

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
	err = policy_slots_adopt(state, next);
	return first_error(err, applied_settle(state));
}

int generation_publish(struct state *state, const struct generation_plan *plan, struct state *next)
{
	struct state gone __cleanup_state = STATE_CLOSED;
	__u32 old = policy_slots_live(state);
	int err;

	open_gone(state, &gone);
	err = policy_slots_fill(state, next, !old);
	if (!err)
		err = make_live(state, next);
	if (!err)
		err = policy_slots_wait(state, next, old);
	if (err)
		return err;
	err = figures_move(state, plan->from, plan->to);
	drain(&gone);
	return err;
}

int generation_replace(struct state *state, const struct generation_plan *plan)
{
	struct state next __cleanup_state = STATE_CLOSED;
	int err = generation_prepare(state, plan, &next);

	return err ? err : generation_publish(state, plan, &next);
}

/* ---- rollback ----------------------------------------------------------- */

int generation_open_idle(const struct state *state, struct state *ret_idle)
{
	struct state idle __cleanup_state = STATE_CLOSED;
	struct applied applied __cleanup_applied = { 0 };
	int err = policy_slots_open(state, policy_slots_idle(state), &idle);

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

	return policy_slots_open(state, policy_slots_live(state), &live);
}

/* Interfaces may have come and gone since the policy was live. */
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
	__u32 old = policy_slots_live(state);
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
		err = policy_slots_wait(state, &idle, old);
	return err ? err : figures_move(state, &from, &to);
}

/* ---- after an interruption ---------------------------------------------- */

int generation_repair_pins(struct state *state)
{
	int err = policy_slots_repair_pins(state);

	return err ? err : applied_settle(state);
}
