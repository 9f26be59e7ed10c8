/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of UDP sockets that are not connected. Which datagrams answer: those to a peer that sent
 * one to the same port first, as clients of a service of this host do. No rule concerns them, because
 * this host did not begin the flow. And which sockets name a device for a datagram. Decides nothing.
 *
 * Answers of the proxy look like first datagrams of a peer, and every user may read them late, or send
 * such a datagram to himself. So a peer counts only if its datagram came in by a device; those of this
 * host to itself come by lo. A flood of forged datagrams replaces noted peers: answers go to the proxy
 * then, but no questions past it.
 */
#ifndef TPROXY_OWN_UDP_BPF_H
#define TPROXY_OWN_UDP_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
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

/* By the socket's cookie, because the program that notes them does not know the network namespace. */
struct arrival {
	__u64 socket;
	__u8 addr[16]; /* of the peer, as above */
	__be16 port;
	__u16 zero[3];
};

/* Peers whose datagrams came in by a device, and the time of the latest. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct arrival);
	__type(value, __u64);
} own_arrived SEC(".maps");

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

/* f: to the peer. */
static __always_inline void set_arrival(__u64 socket, const struct flow *f, struct arrival *ret_key)
{
	__u8 src[16];

	ret_key->socket = socket;
	addr_copy(f, src, ret_key->addr);
	ret_key->port = f->family == AF_INET ? f->tuple.ipv4.dport : f->tuple.ipv6.dport;
}

/* A global function, like note_peer. */
__noinline int note_arrival(__u64 socket, const struct flow *f)
{
	__u64 now = bpf_ktime_get_ns();
	struct arrival key = {};
	__u64 *last_ns;

	if (!f)
		return 0;
	set_arrival(socket, f, &key);
	last_ns = bpf_map_lookup_elem(&own_arrived, &key);
	if (!last_ns)
		return !bpf_map_update_elem(&own_arrived, &key, &now, BPF_ANY);
	if (*last_ns + PEER_STEP_NS < now)
		*last_ns = now;
	return 1;
}

/* Has a datagram of the peer, where f goes, come to the socket from outside? A global function, too. */
__noinline int has_arrived(__u64 socket, const struct flow *f)
{
	struct arrival key = {};
	const __u64 *last_ns;

	if (!f)
		return 0;
	set_arrival(socket, f, &key);
	last_ns = bpf_map_lookup_elem(&own_arrived, &key);
	return last_ns && *last_ns + PEER_NS > bpf_ktime_get_ns();
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
