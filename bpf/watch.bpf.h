/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Watch sessions: slots, who lives, and what is written to their ring buffers. Without a session the
 * data path reads one word. Knows no packet and decides nothing about flows.
 *
 * A session that was killed is found by the first packet or event after its time is over: with no
 * other session, that packet clears the word.
 */
#ifndef TPROXY_WATCH_BPF_H
#define TPROXY_WATCH_BPF_H

#include "maps.bpf.h"
#include "tproxy.h"
#include "tproxy_watch.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TPROXY_WATCHERS);
	__type(key, __u32);
	__type(value, struct tproxy_watcher);
} watchers SEC(".maps");

/* Each session chooses the size of its own. */
struct watch_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, TPROXY_WATCHERS);
	__type(key, __u32);
	__array(values, struct watch_ring);
} watch_rings SEC(".maps");

/*
 * What sessions want now: enum tproxy_watch_kind, OR. Not in `config`, because commands write that as
 * a whole. The pin internal/watch goes by the name of the section.
 */
volatile __u32 watch_wanted SEC(".data.watch");

static __always_inline bool is_watched(__u32 kinds)
{
	return watch_wanted & kinds;
}

/* ---- slots -------------------------------------------------------------- */

/*
 * The key is a copy: Linux 6.1 takes a loop whose counter has an address for one without an end.
 */
static __always_inline struct tproxy_watcher *watcher_at(__u32 slot)
{
	return bpf_map_lookup_elem(&watchers, &slot);
}

/* The session that wants one of the kinds and lives, or NULL. */
static __always_inline struct tproxy_watcher *watcher_of(__u32 slot, __u32 kinds, __u64 now)
{
	struct tproxy_watcher *w = watcher_at(slot);

	return w && (w->kinds & kinds) && w->until_ns > now ? w : NULL;
}

/*
 * Nobody alive wants these: the data path need not ask any more. A session that begins meanwhile sets
 * until_ns before the word, so it is seen here by the second look. The atomic reads keep the order.
 */
static __always_inline void watch_switch_off(__u32 kinds, __u64 now)
{
	__sync_fetch_and_and(&watch_wanted, ~kinds);
	for (__u32 i = 0; i < TPROXY_WATCHERS; i++) {
		struct tproxy_watcher *w = watcher_at(i);

		if (w && __sync_fetch_and_add(&w->until_ns, 0) > now && (w->kinds & kinds))
			__sync_fetch_and_or(&watch_wanted, kinds);
	}
}

/* Is there one? A global function, like those below: the verifier walks their loops once. */
__noinline int watch_is_wanted(__u32 kinds)
{
	const __u64 now = bpf_ktime_get_ns();

	for (__u32 i = 0; i < TPROXY_WATCHERS; i++)
		if (watcher_of(i, kinds, now))
			return 1;
	watch_switch_off(kinds, now);
	return 0;
}

/* ---- writing ------------------------------------------------------------ */

/* To the session of this slot, if it wants this kind. */
static __always_inline void watch_put(__u32 slot, __u32 kind, __u64 now, void *data, __u32 size)
{
	struct tproxy_watcher *w = watcher_of(slot, kind, now);
	void *ring = w ? bpf_map_lookup_elem(&watch_rings, &slot) : NULL;

	if (!w)
		return;
	__sync_fetch_and_add(&w->totals.matched, 1);
	if (!ring || bpf_ringbuf_output(ring, data, size, 0))
		__sync_fetch_and_add(&w->totals.lost, 1);
}

/* ---- for sessions ------------------------------------------------------- */

static __always_inline int watch_claim(struct tproxy_watcher *w, __u64 owner, __u64 now)
{
	const __u64 until = w->until_ns;

	if (until > now ||
	    __sync_val_compare_and_swap(&w->until_ns, until, now + TPROXY_WATCH_LIFE_NS) != until)
		return TPROXY_WATCH_BUSY;
	w->kinds = 0;
	w->owner = owner;
	__builtin_memset(&w->totals, 0, sizeof(w->totals));
	return 0;
}

static __always_inline void watch_renew(struct tproxy_watcher *w,
					const struct tproxy_watch_request *r, __u64 now)
{
	w->only = r->only;
	__sync_lock_test_and_set(&w->until_ns, now + TPROXY_WATCH_LIFE_NS);
	__sync_fetch_and_or(&watch_wanted, w->kinds);
}

/* 0, or an enum tproxy_watch_refusal. */
static __always_inline int watch_serve(const struct tproxy_watch_request *r)
{
	struct tproxy_watcher *w = bpf_map_lookup_elem(&watchers, &r->slot);
	const __u64 now = bpf_ktime_get_ns();

	if (!w || !r->owner)
		return TPROXY_WATCH_REFUSED;
	if (r->op == TPROXY_WATCH_OP_CLAIM)
		return watch_claim(w, r->owner, now);
	if (w->owner != r->owner)
		return TPROXY_WATCH_LOST;
	switch (r->op) {
	case TPROXY_WATCH_OP_START:
		w->filter = r->filter;
		w->only = r->only;
		w->kinds =
			r->kinds & (TPROXY_WATCH_PACKETS | TPROXY_WATCH_EVENTS | TPROXY_WATCH_OWN);
		watch_renew(w, r, now);
		return 0;
	case TPROXY_WATCH_OP_RENEW:
		watch_renew(w, r, now);
		return 0;
	case TPROXY_WATCH_OP_STOP:
		w->kinds = 0;
		return 0;
	case TPROXY_WATCH_OP_LEAVE:
		w->kinds = 0;
		w->owner = 0;
		w->until_ns = 0;
		watch_is_wanted(TPROXY_WATCH_PACKETS);
		watch_is_wanted(TPROXY_WATCH_EVENTS);
		watch_is_wanted(TPROXY_WATCH_OWN);
		return 0;
	default:
		return TPROXY_WATCH_REFUSED;
	}
}

#endif
