/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Entries of audited flows come and go, and those that nobody reads make room in a full table. Knows
 * when a flow is over, but not what its packets say.
 *
 * A walk of a hash map always begins at its first bucket, and one of a full table takes 12 ms: too
 * long for a packet. So each entry has a place with a number, chosen at random among four times as
 * many. A cursor visits the places, a few at a time, and comes to each of them.
 */
#ifndef TPROXY_AUDIT_ROOM_BPF_H
#define TPROXY_AUDIT_ROOM_BPF_H

#include "audited.bpf.h"
#include "count.bpf.h"
#include "maps.bpf.h"
#include "proto.bpf.h"
#include "tproxy.h"
#include "tproxy_audit.h"

#define EEXIST 17 /* of linux/errno.h, which is not in vmlinux.h */

#define AUDIT_PLACES (4 * TPROXY_MAX_AUDITED)
#define AUDIT_PLACE_TRIES 8 /* all in vain: once in 65,000 in a full table */
#define AUDIT_RECLAIM_EVERY_NS 10000000ULL
#define AUDIT_RECLAIM_VISITS 1024
#define AUDIT_UNANSWERED_NS 5000000000ULL /* longer than between the first SYNs of a client */

/* By the number of the place. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TPROXY_MAX_AUDITED);
	__type(key, __u32);
	__type(value, struct tproxy_flow_key);
} audit_places SEC(".maps");

static __u64 audit_reclaimed; /* time of the latest attempt to make room */
static __u32 audit_cursor;    /* the place that is visited next */
static __u32 audit_freed;     /* entries, in this attempt */

/* ---- when a flow is over ------------------------------------------------ */

/* Another CPU may have seen a packet after `now`. */
static __always_inline bool audit_is_quiet(const struct tproxy_audited *a, __u64 now, __u64 ns)
{
	return (__s64)(now - a->last_ns) > (__s64)ns;
}

static __always_inline bool audit_is_idle(const struct tproxy_flow_key *key,
					  const struct tproxy_audited *a, __u64 now)
{
	return audit_is_quiet(a, now, tproxy_audit_idle_ns(key, a));
}

/* May it make room? A flood of forged flow starts must not keep real flows out for a minute. */
static __always_inline bool audit_is_spare(const struct tproxy_flow_key *key,
					   const struct tproxy_audited *a, __u64 now)
{
	return a->end || audit_is_idle(key, a, now) ||
	       (!tproxy_audit_is_answered(key, a) && audit_is_quiet(a, now, AUDIT_UNANSWERED_NS));
}

/* ---- one entry ---------------------------------------------------------- */

static __always_inline int audit_take_place(const struct tproxy_flow_key *key, __u32 *ret_place)
{
	int err = -EEXIST;

	for (int n = 0; n < AUDIT_PLACE_TRIES && err == -EEXIST; n++) {
		*ret_place = bpf_get_prandom_u32() & (AUDIT_PLACES - 1);
		err = bpf_map_update_elem(&audit_places, ret_place, key, BPF_NOEXIST);
	}
	return err;
}

/* Adds the entry that scratch has ready. A global function: the verifier walks its loop once. */
__noinline int audit_add(void)
{
	struct audit_scratch *s = get_scratch();
	int err;

	if (!s)
		return -1;
	err = audit_take_place(&s->key, &s->fresh.place);
	if (err)
		return err;
	err = bpf_map_update_elem(&audited, &s->key, &s->fresh, BPF_NOEXIST);
	if (err)
		bpf_map_delete_elem(&audit_places, &s->fresh.place);
	return err;
}

static __always_inline void audit_remove(const struct tproxy_flow_key *key,
					 const struct tproxy_audited *a)
{
	__u32 place = a->place;

	bpf_map_delete_elem(&audited, key);
	bpf_map_delete_elem(&audit_places, &place);
}

/* Its addresses and ports begin again: the entry waits under another key until it is logged. */
static __always_inline void audit_retire(struct tproxy_flow_key *key, struct tproxy_audited *a)
{
	__u32 place = a->place;

	if (!a->end)
		audit_end(key, a,
			  key->proto == IPPROTO_TCP ? TPROXY_AUDIT_REUSED : TPROXY_AUDIT_IDLE);
	key->instance = bpf_get_prandom_u32() | 1;
	if (bpf_map_update_elem(&audited, key, a, BPF_NOEXIST)) {
		count(TPROXY_COUNT_AUDIT_LOST);
		bpf_map_delete_elem(&audit_places, &place);
	} else {
		bpf_map_update_elem(&audit_places, &place, key, BPF_ANY);
	}
	key->instance = 0;
	bpf_map_delete_elem(&audited, key);
}

/* ---- a full table ------------------------------------------------------- */

/* A place whose entry has gone, for example by hand, is given back. */
static __always_inline void audit_look_at(__u32 place, const struct tproxy_flow_key *key, __u64 now)
{
	struct tproxy_audited *a = bpf_map_lookup_elem(&audited, key);

	if (!a || a->place != place) {
		bpf_map_delete_elem(&audit_places, &place);
		audit_freed++;
	} else if (audit_is_spare(key, a, now)) {
		audit_remove(key, a);
		audit_freed++;
		count(TPROXY_COUNT_AUDIT_LOST);
	}
}

static long audit_visit(__u32 index, __u64 *now)
{
	__u32 place = audit_cursor++ & (AUDIT_PLACES - 1);
	const struct tproxy_flow_key *key = bpf_map_lookup_elem(&audit_places, &place);
	struct audit_scratch *s = key ? get_scratch() : NULL;

	(void)index;
	if (s) {
		s->other = *key; /* that of a removed element may change */
		audit_look_at(place, &s->other, *now);
	}
	return 0;
}

/* Is there room now? Bounded: some 0.1 ms, a hundred times a second at most. */
__noinline int audit_reclaim(__u64 now)
{
	__u64 last = audit_reclaimed;

	if ((__s64)(now - last) < (__s64)AUDIT_RECLAIM_EVERY_NS ||
	    __sync_val_compare_and_swap(&audit_reclaimed, last, now) != last)
		return 0;
	audit_freed = 0;
	bpf_loop(AUDIT_RECLAIM_VISITS, audit_visit, &now, 0);
	return audit_freed != 0;
}

#endif
