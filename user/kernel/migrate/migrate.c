/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/migrate/migrate.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <string.h>

#include "kernel/maps/applied.h"
#include "kernel/maps/policy_maps.h"
#include "kernel/maps/policy_slots.h"
#include "kernel/migrate/vars.h"
#include "kernel/state/program.h"
#include "lib/log.h"

/* As ABI 1 pinned it: without `unrouted`. */
struct rule_abi1 {
	__u8 head[28]; /* action … proxy6 */
	__u8 name[TPROXY_NAME_LEN];
};

_Static_assert(sizeof(struct rule_abi1) == 60, "as ABI 1 pinned it");
_Static_assert(offsetof(struct tproxy_rule, unrouted) == 28, "the head is the same");

/* ---- maps of both states ------------------------------------------------ */

/* With ABI 2 rules got another layout, and what programs remember of flows was pinned. */
static bool has_abi2(const struct migration *m)
{
	return m->old->config.abi >= 2;
}

static bool is_made_new(const struct migration *m, enum state_map map)
{
	if (map == MAP_RULES || map == MAP_RULES_GEN)
		return !has_abi2(m);
	return map == MAP_CONFIG || map == MAP_COUNTERS;
}

/* Only short-lived caches may begin empty where their layout has changed. */
static bool may_begin_empty(enum state_map map)
{
	return map == MAP_TICKETS || map == MAP_FRAGS || map == MAP_LOCAL;
}

static int share_map(struct migration *m, const struct bpf_object *obj, enum state_map which)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, state_map_name(which));
	int fd = m->old->map[which];

	if (!map)
		return -ENOENT;
	if (fd < 0 || is_made_new(m, which))
		return 0;
	if (!vars_map_fits(map, fd))
		return may_begin_empty(which) ? 0 : -EMEDIUMTYPE;
	return bpf_map__reuse_fd(map, fd);
}

static int share_maps(struct migration *m, const struct bpf_object *obj)
{
	int err = 0;

	for (int i = 0; i < MAP_MAX && !err; i++)
		err = share_map(m, obj, i);
	return err;
}

/* ---- loading ------------------------------------------------------------ */

static int keep_maps(const struct bpf_object *obj, struct state *next)
{
	for (int i = 0; i < MAP_MAX; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, state_map_name(i));

		next->map[i] = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0);
		if (next->map[i] < 0)
			return -errno;
	}
	return 0;
}

static void close_object(struct bpf_object **obj)
{
	bpf_object__close(*obj);
}

static int load(struct migration *m)
{
	struct bpf_object *obj __attribute__((cleanup(close_object))) = state_object();
	int err;

	if (!obj)
		return -errno;
	err = share_maps(m, obj);
	if (err)
		return err;
	if (!has_abi2(m))
		m->kept_flows = !migrate_flows_take(&m->flows, m->old, obj);
	err = bpf_object__load(obj);
	if (!err)
		err = keep_maps(obj, &m->next);
	return err ? err : state_keep_progs(obj, &m->next);
}

/* ---- filling new maps --------------------------------------------------- */

static int copy_rules(int from, int to)
{
	for (__u32 i = 0; i < TPROXY_MAX_RULES; i++) {
		struct tproxy_rule rule = { 0 };
		struct rule_abi1 was;

		if (bpf_map_lookup_elem(from, &i, &was))
			return -errno;
		memcpy(&rule, was.head, sizeof(was.head));
		memcpy(rule.name, was.name, sizeof(rule.name));
		if (bpf_map_update_elem(to, &i, &rule, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int copy_counters(int from, int to)
{
	int cpus = libbpf_num_possible_cpus();
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	__cleanup_free __u64 *values = NULL;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	if (bpf_obj_get_info_by_fd(from, &info, &len))
		return -errno;
	for (__u32 i = 0; i < info.max_entries && i < TPROXY_COUNT_MAX; i++)
		if (bpf_map_lookup_elem(from, &i, values) ||
		    bpf_map_update_elem(to, &i, values, BPF_ANY))
			return -errno;
	return 0;
}

/* Its scopes and text stay; its maps may have other ids now. Settings came with ABI 2. */
static int copy_applied(const struct migration *m, const struct state *was, const struct state *is,
			__u32 slot)
{
	struct applied applied __cleanup_applied = { 0 };
	struct policy policy __cleanup_policy = { 0 };
	int err = applied_read(was, &applied);

	if (!err && !has_abi2(m))
		err = policy_maps_read(is, &policy);
	if (err)
		return err == -ENOENT ? 0 : err;
	if (!has_abi2(m))
		applied.settings = settings_of(&policy);
	return applied_write_slot(is, slot, &applied);
}

/* Converts a slot. `is`: its maps in the new state; after ABI 1 the rules are still empty. */
static int convert_slot(const struct migration *m, __u32 slot, const struct state *was,
			const struct state *is)
{
	int fd = is->map[MAP_RULES];
	int err = has_abi2(m) ? 0 : copy_rules(was->map[MAP_RULES], fd);

	if (err)
		return err;
	if (!has_abi2(m) && bpf_map_update_elem(m->next.map[MAP_RULES_GEN], &slot, &fd, BPF_ANY))
		return -errno;
	return copy_applied(m, was, is, slot);
}

/* The previous policy is only for a rollback: if it cannot be kept, there is none. */
static int convert_idle(struct migration *m, __u32 slot)
{
	struct state was __cleanup_state = STATE_CLOSED;
	struct state is __cleanup_state = STATE_CLOSED;
	int err;

	if (!has_abi2(m))
		bpf_map_delete_elem(m->next.map[MAP_RULES_GEN], &slot);
	err = policy_slots_open(m->old, slot, &was);
	if (!err)
		err = policy_slots_open(m->old, slot, &is);
	m->kept_idle = err == -ENOENT;
	if (err)
		return 0;
	if (!has_abi2(m)) {
		close(is.map[MAP_RULES]);
		is.map[MAP_RULES] =
			policy_slots_empty_map(m->next.map[MAP_RULES], state_map_name(MAP_RULES));
	}
	pindir_close(&is.pins);
	err = pindir_dup(&m->next.pins, "", &is.pins);
	if (!err && is.map[MAP_RULES] >= 0)
		err = convert_slot(m, slot, &was, &is);
	m->kept_idle = is.map[MAP_RULES] >= 0 && !err;
	return 0;
}

static int write_config(struct migration *m, __u32 df_mark)
{
	struct policy policy __cleanup_policy = { 0 };
	struct tproxy_config *config = &m->next.config;
	__u32 zero = 0;
	int err = policy_maps_read(&m->next, &policy);

	if (err)
		return err;
	settings_put(settings_of(&policy), config);
	config->abi = TPROXY_ABI;
	config->build = state_build();
	config->df_mark = df_mark;
	return bpf_map_update_elem(m->next.map[MAP_CONFIG], &zero, config, BPF_ANY) ? -errno : 0;
}

static int fill(struct migration *m, __u32 df_mark)
{
	__u32 slot = policy_slots_live(m->old);
	int err = policy_slots_add(&m->next);

	if (!err)
		err = convert_slot(m, slot, m->old, &m->next);
	if (!err)
		err = convert_idle(m, !slot);
	if (!err)
		err = copy_counters(m->old->map[MAP_COUNTERS], m->next.map[MAP_COUNTERS]);
	return err ? err : write_config(m, df_mark);
}

/* ---- the stage ---------------------------------------------------------- */

static bool is_same_map(int a, int b)
{
	__u32 id = program_map_id(a);

	return id && id == program_map_id(b);
}

/* tproxy-relay knows the socket map by the inode of its pin, so a shared map keeps its pin. */
static int pin_map(const struct migration *m, enum state_map map)
{
	const struct pindir *old = &m->old->pins, *next = &m->next.pins;

	if (m->old->map[map] >= 0 && is_same_map(m->old->map[map], m->next.map[map]))
		return pindir_link(old, next, state_map_pin(map));
	return state_pin(next, state_map_pin(map), m->next.map[map]);
}

static int pin_all(const struct migration *m)
{
	const struct pindir *old = &m->old->pins, *next = &m->next.pins;
	int err = 0;

	for (int i = 0; i < MAP_MAX && !err; i++)
		err = pin_map(m, i);
	if (!err)
		err = state_pin_progs(&m->next, next, "");
	if (!err)
		err = pindir_link_all(old, next, "links");
	if (err)
		return err;
	err = pindir_link(old, next, "internal/pending");
	return err == -ENOENT ? 0 : err;
}

int migrate_prepare(struct migration *m, struct state *old, __u32 df_mark)
{
	int err;

	*m = MIGRATION_NONE;
	m->old = old;
	m->next.config = old->config;
	pindir_remove_stage(&old->pins);
	err = load(m);
	if (!err)
		err = pindir_stage(&old->pins, &m->next.pins, m->why);
	if (!err)
		err = fill(m, df_mark);
	return err ? err : pin_all(m);
}

int migrate_publish(struct migration *m)
{
	struct state *old = m->old;
	int err;

	if (m->kept_flows)
		migrate_flows_take_late(&m->flows, &m->next);
	err = pindir_exchange(&m->next.pins, &old->pins);
	if (err)
		return err;
	snprintf(m->next.dir, sizeof(m->next.dir), "%s", old->dir);
	m->next.pins = old->pins;
	old->pins = PINDIR_CLOSED;
	state_close(old);
	*old = m->next;
	m->next = STATE_CLOSED;
	return 0;
}

void migrate_close(struct migration *m)
{
	state_close(&m->next);
	migrate_flows_free(&m->flows);
}
