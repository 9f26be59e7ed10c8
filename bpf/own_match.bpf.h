/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules for a flow that a process of this host begins: the dimensions of match.bpf.h, with lo as the
 * interface, and the process: its user, group and cgroups. Knows no packet and carries out nothing.
 */
#ifndef TPROXY_OWN_MATCH_BPF_H
#define TPROXY_OWN_MATCH_BPF_H

#include "flow.bpf.h"
#include "maps.bpf.h"
#include "match.bpf.h"
#include "own_maps.bpf.h"
#include "own_task.bpf.h"
#include "route.bpf.h"
#include "tproxy.h"
#include "tproxy_own.h"

#define OWNER_KIND_BITS 32
#define OWNER_ID_BITS 96

/* bits: OWNER_KIND_BITS for the rules without such a condition. */
static __always_inline tproxy_mask match_owner(const __u32 *slot, enum tproxy_owner_kind kind,
					       __u64 id, __u32 bits)
{
	struct tproxy_owner_key key = { .prefixlen = bits, .kind = kind };
	__be64 wire = bpf_cpu_to_be64(id);

	__builtin_memcpy(key.id, &wire, sizeof(key.id));
	return mask_of(live_lookup(&owners_gen, slot, &key));
}

/* A global function, like the next one: the verifier walks the loop once. */
__noinline tproxy_mask match_cgroups(__u32 live)
{
	tproxy_mask mask = 0;

	for (int level = 0; level < TPROXY_OWN_LEVELS; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);

		if (!id)
			break;
		mask |= match_owner(&live, TPROXY_OWNER_CGROUP, id, OWNER_ID_BITS);
	}
	return mask;
}

/* The cgroups of the process that runs now. A global function, too. */
__noinline int note_cgroups(struct tproxy_own_sock *note)
{
	if (!note)
		return 0;
	for (int level = 0; level < TPROXY_OWN_LEVELS; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);

		note->cgroups[level] = id;
		if (!id)
			break;
	}
	return 1;
}

__noinline tproxy_mask match_noted_cgroups(__u32 live, const struct tproxy_own_sock *note)
{
	tproxy_mask mask = match_owner(&live, TPROXY_OWNER_CGROUP, 0, OWNER_KIND_BITS);

	if (!note)
		return 0;
	for (int level = 0; level < TPROXY_OWN_LEVELS && note->cgroups[level]; level++)
		mask |= match_owner(&live, TPROXY_OWNER_CGROUP, note->cgroups[level],
				    OWNER_ID_BITS);
	return mask;
}

/* Is a cgroup that the process is in to be left alone? */
__noinline int is_excluded_cgroup(void)
{
	for (int level = 0; level < TPROXY_OWN_LEVELS; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);

		if (!id)
			return 0;
		if (bpf_map_lookup_elem(&own_excluded, &id))
			return 1;
	}
	return 0;
}

/* Is the process in a cgroup for which all rules are meant, whatever owners they name? */
__noinline int is_included(void)
{
	for (int level = 0; level < TPROXY_OWN_LEVELS; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);

		if (!id)
			return 0;
		if (bpf_map_lookup_elem(&own_included, &id))
			return 1;
	}
	return 0;
}

/* As is_included, for the process that connected a socket. */
__noinline int was_included(const struct tproxy_own_sock *note)
{
	if (!note)
		return 0;
	for (int level = 0; level < TPROXY_OWN_LEVELS && note->cgroups[level]; level++) {
		__u64 id = note->cgroups[level];

		if (bpf_map_lookup_elem(&own_included, &id))
			return 1;
	}
	return 0;
}

static __always_inline bool is_excluded(void)
{
	return is_excluded_cgroup() || is_noted_task();
}

static __always_inline tproxy_mask match_user(const __u32 *slot, __u32 uid, __u32 gid)
{
	tproxy_mask mask = match_owner(slot, TPROXY_OWNER_UID, uid, OWNER_ID_BITS);

	return mask ? mask & match_owner(slot, TPROXY_OWNER_GID, gid, OWNER_ID_BITS) : 0;
}

/* Rules for the port of the flow, whoever sends it. */
static __always_inline tproxy_mask match_own_port(__u32 slot, const struct flow *f)
{
	__u32 lo = LOOPBACK_IFINDEX;
	const struct tproxy_iface *iface = live_lookup(&ifaces_gen, &slot, &lo);
	tproxy_mask mask = iface ? iface->mask : 0;

	return mask ? mask & match_port(&slot, f) : 0;
}

/* Rules for the flow, whoever sends it. */
static __always_inline tproxy_mask match_own_flow(__u32 slot, const struct flow *f)
{
	tproxy_mask mask = match_own_port(slot, f);

	return mask ? mask & match_prefixes(slot, f) : 0;
}

static __always_inline tproxy_mask match_process(__u32 slot, tproxy_mask mask)
{
	__u64 ids = bpf_get_current_uid_gid();
	tproxy_mask any;

	mask &= match_user(&slot, (__u32)ids, ids >> 32);
	any = match_owner(&slot, TPROXY_OWNER_CGROUP, 0, OWNER_KIND_BITS);
	return mask & ~any ? mask & (any | match_cgroups(slot)) : mask;
}

/* Of these rules, those for the process that runs now. */
static __always_inline tproxy_mask match_current(__u32 slot, tproxy_mask mask)
{
	tproxy_mask matched = match_process(slot, mask);

	return matched == mask || !is_included() ? matched : mask;
}

/* The first rule of a mask. vrf stays 0: the listener must fit no interface. */
static __always_inline struct match first_rule(__u32 slot, tproxy_mask mask)
{
	struct match m = {};

	if (!mask)
		return m;
	m.number = lowest_bit(mask);
	m.rule = live_lookup(&rules_gen, &slot, &m.number);
	if (m.rule && m.rule->action == TPROXY_ACTION_NONE)
		m.rule = NULL;
	return m;
}

#endif
