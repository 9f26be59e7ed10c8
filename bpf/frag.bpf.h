/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments. Reassembly drops an assigned socket, so a first fragment that stays
 * here is remembered, its later fragments are kept too, and sk_lookup picks the
 * socket for the whole datagram.
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

static __always_inline void frag_remember(const struct flow *f)
{
	struct tproxy_frag_key key = {};
	__u8 one = 1;

	frag_key(f, &key);
	bpf_map_update_elem(&frags, &key, &one, BPF_ANY);
	count(TPROXY_COUNT_FRAG_FIRST);
}

static __always_inline enum verdict frag_later(const struct flow *f)
{
	struct tproxy_frag_key key = {};

	frag_key(f, &key);
	return bpf_map_lookup_elem(&frags, &key) ? keep(TPROXY_COUNT_FRAG_NEXT) : VERDICT_NEXT;
}

#endif
