/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of UDP sockets that are not connected. Which datagrams answer: those to a peer that sent
 * one to the same port first, as clients of a service of this host do. No rule concerns them, because
 * this host did not begin the flow. And which sockets name a device for a datagram. Decides nothing.
 *
 * A socket that asks by a token gets answers of the proxy, which look like first datagrams of a peer. So
 * it remembers its tokens; a socket with too many takes every destination that has one for a server. A
 * flood of forged datagrams replaces noted peers, and no tokens: answers go to the proxy then, but no
 * questions past it.
 */
#ifndef TPROXY_OWN_UDP_BPF_H
#define TPROXY_OWN_UDP_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "own_token.bpf.h"
#include "proto.bpf.h"
#include "tproxy_own.h"

/* For so long a service may answer, and send again: the time that conntrack keeps such a flow. */
#define PEER_NS (180 * 1000000000ULL)
/* So much later the time is written again. */
#define PEER_STEP_NS 1000000000ULL

struct udp_peer {
	__u8 addr[16]; /* network byte order, IPv4 as ::ffff:a.b.c.d */
	__be16 port;
	__be16 own_port; /* of the socket here */
};

/* Peers that have begun a flow, and the time of their latest datagram. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct udp_peer);
	__type(value, __u64);
} own_peers SEC(".maps");

#define ASKED_MAX 8

struct udp_note {
	__u32 names_device; /* 1: one of its datagrams to a token had a device */
	__u32 n; /* tokens it has sent to; more than ASKED_MAX: not all are in the list */
	__u32 asked[ASKED_MAX]; /* their indexes, some perhaps twice */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct udp_note);
} own_udp SEC(".maps");

/* f: to the peer. */
static __always_inline void set_peer(const struct flow *f, struct udp_peer *ret_peer)
{
	__u8 src[16];

	addr_copy(f, src, ret_peer->addr);
	ret_peer->port = f->family == AF_INET ? f->tuple.ipv4.dport : f->tuple.ipv6.dport;
	ret_peer->own_port = f->family == AF_INET ? f->tuple.ipv4.sport : f->tuple.ipv6.sport;
}

/* Does a datagram of this flow answer one? */
static __always_inline bool is_answer(const struct flow *f)
{
	struct udp_peer peer = {};
	const __u64 *last_ns;

	set_peer(f, &peer);
	if (!peer.own_port)
		return false;
	last_ns = bpf_map_lookup_elem(&own_peers, &peer);
	return last_ns && *last_ns + PEER_NS > bpf_ktime_get_ns();
}

/* f: to the peer that a datagram came from. A global function: its stack is not in use otherwise. */
__noinline int note_peer(const struct flow *f)
{
	__u64 now = bpf_ktime_get_ns();
	struct udp_peer peer = {};
	__u64 *last_ns;

	if (!f)
		return 0;
	set_peer(f, &peer);
	last_ns = bpf_map_lookup_elem(&own_peers, &peer);
	if (!last_ns)
		return !bpf_map_update_elem(&own_peers, &peer, &now, BPF_ANY);
	if (*last_ns + PEER_STEP_NS < now)
		*last_ns = now;
	return 1;
}

static __always_inline bool has_asked(const struct udp_note *note, __u32 token)
{
#pragma unroll
	for (int i = 0; i < ASKED_MAX; i++)
		if (i < note->n && note->asked[i] == token)
			return true;
	return false;
}

/* Threads that share the socket take different places. False: no memory. */
static __always_inline bool note_question(struct bpf_sock_addr *ctx, __u32 token)
{
	struct udp_note *note =
		bpf_sk_storage_get(&own_udp, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	__u32 at;

	if (!note)
		return false;
	if (note->n > ASKED_MAX || has_asked(note, token))
		return true;
	at = __sync_fetch_and_add(&note->n, 1);
	if (at < ASKED_MAX)
		note->asked[at] = token;
	return true;
}

static __always_inline bool asked_token_is_to(const struct udp_note *note,
					      const struct token_key *key)
{
	for (int i = 0; i < ASKED_MAX && i < note->n; i++) {
		__u32 at = note->asked[i];
		const struct tproxy_token *t = bpf_map_lookup_elem(&tokens, &at);

		if (t && token_is_to(t, key))
			return true;
	}
	return false;
}

/* Has the socket asked the address that f goes to? A global function, too. */
__noinline int has_asked_dst(const struct udp_note *note, const struct flow *f)
{
	struct token_key key = {};
	__u8 src[16];

	if (!note || !f)
		return 0;
	addr_copy(f, src, key.dst);
	return note->n > ASKED_MAX ? has_token(&key) : asked_token_is_to(note, &key);
}

/* Is the datagram from there perhaps the answer of a proxy? */
static __always_inline bool is_answer_of_proxy(struct bpf_sock_addr *ctx, const struct flow *f)
{
	const struct udp_note *note = bpf_sk_storage_get(&own_udp, ctx->sk, 0, 0);

	return note && note->n && has_asked_dst(note, f);
}

static __always_inline void note_device(struct bpf_sock *sk)
{
	struct udp_note *note = bpf_sk_storage_get(&own_udp, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (note)
		note->names_device = 1;
}

static __always_inline bool names_device(struct bpf_sock_addr *ctx)
{
	const struct udp_note *note;

	if (ctx->sk->bound_dev_if)
		return true;
	if (ctx->protocol != IPPROTO_UDP)
		return false;
	note = bpf_sk_storage_get(&own_udp, ctx->sk, 0, 0);
	return note && note->names_device;
}

#endif
