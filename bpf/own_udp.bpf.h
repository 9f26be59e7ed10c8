/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of UDP sockets that are not connected. Which datagrams answer: those to a peer that sent
 * one to the same port first, as clients of a service of this host do. No rule concerns them, because
 * this host did not begin the flow. And which sockets name a device for a datagram. Decides nothing.
 *
 * A socket that asks by a token gets answers of the proxy, which look like first datagrams of a peer. So
 * the tokens are noted with its port; if there are too many, every peer that has one is taken for a server.
 * By port and not by socket, because socket storage costs more than the rest of a first datagram. A flood
 * of forged datagrams replaces noted peers, and no tokens: answers go to the proxy then, but no questions
 * past it.
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

#define ASKED_MAX 7

/* By port here: the tokens that its sockets have sent to. */
struct asked {
	__u64 last_ns; /* 0: none so far; void after PEER_NS */
	__u32 n;       /* more than ASKED_MAX: not all are in the list */
	__u32 token[ASKED_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct asked);
} own_asked SEC(".maps");

/* 1: a datagram of the socket to a token had a device. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} own_names_device SEC(".maps");

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

static __always_inline struct asked *asked_by(const struct flow *f)
{
	__u32 port = bpf_ntohs(f->family == AF_INET ? f->tuple.ipv4.sport : f->tuple.ipv6.sport);

	return bpf_map_lookup_elem(&own_asked, &port);
}

static __always_inline bool has_asked(const struct asked *asked, __u32 token)
{
#pragma unroll
	for (int i = 0; i < ASKED_MAX; i++)
		if (i < asked->n && asked->token[i] == token)
			return true;
	return false;
}

/* What others asked from the same port long ago is forgotten. */
static __always_inline void renew_asked(struct asked *asked)
{
	__u64 now = bpf_ktime_get_ns(), was_ns = asked->last_ns;

	if (was_ns + PEER_STEP_NS > now)
		return;
	if (__sync_val_compare_and_swap(&asked->last_ns, was_ns, now) == was_ns &&
	    was_ns + PEER_NS < now)
		asked->n = 0;
}

/* Sockets and threads that share the port take different places. f: to the token's destination. */
static __always_inline void note_question(const struct flow *f, __u32 token)
{
	struct asked *asked = asked_by(f);
	__u32 at;

	if (!asked)
		return;
	renew_asked(asked);
	if (asked->n > ASKED_MAX || has_asked(asked, token))
		return;
	at = __sync_fetch_and_add(&asked->n, 1);
	if (at < ASKED_MAX)
		asked->token[at] = token;
}

static __always_inline bool asked_token_is_to(const struct asked *asked,
					      const struct token_key *key)
{
	for (int i = 0; i < ASKED_MAX && i < asked->n; i++) {
		__u32 at = asked->token[i];
		const struct tproxy_token *t = bpf_map_lookup_elem(&tokens, &at);

		if (t && token_is_to(t, key))
			return true;
	}
	return false;
}

/* Is the datagram from there, where f goes, perhaps the answer of a proxy? A global function, too. */
__noinline int is_answer_of_proxy(const struct flow *f)
{
	const struct asked *asked = f ? asked_by(f) : NULL;
	struct token_key key = {};
	__u8 src[16];

	if (!asked || !asked->n || asked->last_ns + PEER_NS < bpf_ktime_get_ns())
		return 0;
	addr_copy(f, src, key.dst);
	return asked->n > ASKED_MAX ? has_token(&key) : asked_token_is_to(asked, &key);
}

static __always_inline void note_device(struct bpf_sock *sk)
{
	__u32 *note = bpf_sk_storage_get(&own_names_device, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (note)
		*note = 1;
}

static __always_inline bool names_device(struct bpf_sock_addr *ctx)
{
	if (ctx->sk->bound_dev_if)
		return true;
	return ctx->protocol == IPPROTO_UDP && bpf_sk_storage_get(&own_names_device, ctx->sk, 0, 0);
}

#endif
