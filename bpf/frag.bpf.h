/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments. Reassembly drops an assigned socket, so a first fragment that stays
 * here is remembered, its later fragments are kept too, and sk_lookup picks the
 * socket for the whole datagram. Those of a datagram that is dropped are dropped.
 */
#ifndef TPROXY_FRAG_BPF_H
#define TPROXY_FRAG_BPF_H

#include "addr.bpf.h"
#include "steer.bpf.h"

static __always_inline void frag_key(const struct flow *f, struct tproxy_frag_key *key)
{
	addr_copy(f, key->src, key->dst);
	key->id = f->frag_id;
	/* RFC 8200 4.5 reassembles by addresses and identification alone. */
	key->proto = f->family == AF_INET ? f->proto : 0;
}

static __always_inline void frag_remember(const struct flow *f, struct tproxy_frag fate)
{
	struct tproxy_frag_key key = {};

	frag_key(f, &key);
	bpf_map_update_elem(&frags, &key, &fate, BPF_ANY);
}

/* A new datagram: what an older one of the same identification met is no longer true. */
static __always_inline void frag_forget(const struct flow *f)
{
	struct tproxy_frag_key key = {};

	frag_key(f, &key);
	bpf_map_delete_elem(&frags, &key);
}

static __always_inline void frag_keep(const struct flow *f)
{
	frag_remember(f, (struct tproxy_frag){ .counter = TPROXY_COUNT_FRAG_NEXT });
	count(TPROXY_COUNT_FRAG_FIRST);
}

/*
 * For a first fragment that will be dropped unless frag_keep is called. Said before
 * it is tried, not behind the many ways in which steering fails: the verifier
 * would walk each of them through here.
 */
static __always_inline void frag_doom(const struct flow *f)
{
	frag_remember(f, (struct tproxy_frag){ .drop = 1, .counter = TPROXY_COUNT_FRAG_DROP });
}

/* One that overtook its first fragment is not known here and goes its way. */
static __always_inline enum verdict frag_later(const struct flow *f)
{
	const struct tproxy_frag *fate;
	struct tproxy_frag_key key = {};

	frag_key(f, &key);
	fate = bpf_map_lookup_elem(&frags, &key);
	if (!fate) {
		count(TPROXY_COUNT_FRAG_MISS);
		return VERDICT_NEXT;
	}
	count(fate->counter);
	return fate->drop ? VERDICT_DROP : VERDICT_KEEP;
}

#endif
