/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments. Only the first one has ports, and reassembly discards an assigned socket. So what
 * happens to a first fragment is remembered: later ones are kept or dropped like it, and
 * sk_lookup picks the socket for the whole datagram. Asks no rule.
 */
#ifndef TPROXY_FRAG_BPF_H
#define TPROXY_FRAG_BPF_H

#include "addr.bpf.h"
#include "count.bpf.h"
#include "flow.bpf.h"
#include "maps.bpf.h"
#include "proto.bpf.h"
#include "tproxy.h"
#include "verdict.bpf.h"

static __always_inline void frag_key(const struct flow *f, struct tproxy_frag_key *key)
{
	addr_copy(f, key->src, key->dst);
	key->id = f->frag_id;
	/* RFC 8200 4.5: IPv6 reassembles by addresses and identification alone. */
	key->proto = f->family == AF_INET ? f->proto : 0;
}

static __always_inline void frag_note(const struct flow *f, struct tproxy_frag first)
{
	struct tproxy_frag_key key = {};

	frag_key(f, &key);
	bpf_map_update_elem(&frags, &key, &first, BPF_ANY);
}

/* A new datagram begins: a note of an older one with the same identification is void. */
static __always_inline void frag_forget(const struct flow *f)
{
	struct tproxy_frag_key key = {};

	frag_key(f, &key);
	bpf_map_delete_elem(&frags, &key);
}

/* This first fragment is kept here. */
static __always_inline void frag_note_kept(const struct flow *f)
{
	frag_note(f, (struct tproxy_frag){ .counter = TPROXY_COUNT_FRAG_NEXT });
	count(TPROXY_COUNT_FRAG_FIRST);
}

/*
 * This first fragment is dropped, unless frag_note_kept follows. Call it before steering is tried:
 * called after each of the many ways in which steering fails, the verifier would walk it for
 * every one of them.
 */
static __always_inline void frag_note_dropped(const struct flow *f)
{
	frag_note(f, (struct tproxy_frag){ .drop = 1, .counter = TPROXY_COUNT_FRAG_DROP });
}

/* A later fragment. If it came before its first one, there is no note, and it is left alone. */
static __always_inline enum verdict decide_later_fragment(const struct flow *f)
{
	const struct tproxy_frag *first;
	struct tproxy_frag_key key = {};

	frag_key(f, &key);
	first = bpf_map_lookup_elem(&frags, &key);
	if (!first)
		return leave(TPROXY_COUNT_FRAG_MISS);
	count(first->counter);
	return first->drop ? VERDICT_DROP : VERDICT_KEEP;
}

#endif
