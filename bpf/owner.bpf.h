/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Does a socket of this host own the flow? This is asked before any rule, so attach, detach and
 * rule edits break no flow in either direction. Knows no rule and no listener of a proxy.
 */
#ifndef TPROXY_OWNER_BPF_H
#define TPROXY_OWNER_BPF_H

#include "cookie.bpf.h"
#include "flow.bpf.h"
#include "proto.bpf.h"
#include "socket.bpf.h"

enum owner {
	OWNER_NONE,
	OWNER_FLOW,             /* a socket with both ends of the flow */
	OWNER_REQUEST,          /* the same, during the handshake */
	OWNER_TIME_WAIT,        /* the same, in TIME_WAIT */
	OWNER_FOREIGN_LISTENER, /* bound to exactly this destination, not to a wildcard */
};

/*
 * A socket's address in both families. The verifier allows no arithmetic on socket pointers,
 * which clang makes when two branches read different fields of one. So all fields are read
 * before the branch, and volatile.
 */
struct sk_addr {
	__u32 ip4;
	__u32 ip6[4];
};

static __always_inline struct sk_addr sk_src(const volatile struct bpf_sock *s)
{
	struct sk_addr a;

	a.ip4 = s->src_ip4;
	a.ip6[0] = s->src_ip6[0];
	a.ip6[1] = s->src_ip6[1];
	a.ip6[2] = s->src_ip6[2];
	a.ip6[3] = s->src_ip6[3];
	return a;
}

static __always_inline struct sk_addr sk_dst(const volatile struct bpf_sock *s)
{
	struct sk_addr a;

	a.ip4 = s->dst_ip4;
	a.ip6[0] = s->dst_ip6[0];
	a.ip6[1] = s->dst_ip6[1];
	a.ip6[2] = s->dst_ip6[2];
	a.ip6[3] = s->dst_ip6[3];
	return a;
}

static __always_inline bool addr_equals(const struct sk_addr *a, __u32 family, const __u32 *addr)
{
	if (family == AF_INET)
		return a->ip4 == addr[0];
	return a->ip6[0] == addr[0] && a->ip6[1] == addr[1] && a->ip6[2] == addr[2] &&
	       a->ip6[3] == addr[3];
}

static __always_inline bool bound_to_dst(const struct bpf_sock *s, const struct flow *f)
{
	struct sk_addr src = sk_src(s);

	return addr_equals(&src, f->family,
			   f->family == AF_INET ? &f->tuple.ipv4.daddr : f->tuple.ipv6.daddr);
}

static __always_inline bool connected_to_src(const struct bpf_sock *s, const struct flow *f)
{
	struct sk_addr dst = sk_dst(s);
	__be16 port = s->dst_port;

	if (!port) /* not connected; a packet from address and port 0 must not match that */
		return false;
	if (f->family == AF_INET)
		return port == f->tuple.ipv4.sport &&
		       addr_equals(&dst, AF_INET, &f->tuple.ipv4.saddr);
	return port == f->tuple.ipv6.sport && addr_equals(&dst, AF_INET6, f->tuple.ipv6.saddr);
}

/* A wildcard listener owns nothing here: this host's own sshd must not attract foreign flows. */
static __always_inline enum owner tcp_owner(struct __sk_buff *skb, struct flow *f)
{
	struct bpf_sock *s __cleanup_sk = lookup_socket(bpf_skc_lookup_tcp, skb, f);

	if (!s)
		return OWNER_NONE;
	if (s->state == BPF_TCP_LISTEN) {
		if (!bound_to_dst(s, f))
			return OWNER_NONE;
		if (tcp_control(f) == TCP_ACK && cookie_is_valid(skb, s, f))
			return OWNER_FLOW;
		return OWNER_FOREIGN_LISTENER;
	}
	if (s->state == BPF_TCP_NEW_SYN_RECV)
		return OWNER_REQUEST;
	return s->state == BPF_TCP_TIME_WAIT ? OWNER_TIME_WAIT : OWNER_FLOW;
}

static __always_inline enum owner udp_owner(struct __sk_buff *skb, struct flow *f)
{
	struct bpf_sock *s __cleanup_sk = lookup_socket(bpf_sk_lookup_udp, skb, f);

	if (!s)
		return OWNER_NONE;
	if (connected_to_src(s, f))
		return OWNER_FLOW;
	return bound_to_dst(s, f) ? OWNER_FOREIGN_LISTENER : OWNER_NONE;
}

/*
 * Did a socket of this host send the start of this flow? Then it has come back to the host that
 * it left: a routing loop. Where the relay connects with the client's own address and port,
 * every flow looks like that. A global function, called once a flow start.
 */
__noinline int sent_by_local_socket(struct __sk_buff *skb, const struct flow *f)
{
	struct flow back = {};

	if (!f)
		return 0;
	reverse_flow(f, &back);
	if (f->proto == IPPROTO_TCP) {
		struct bpf_sock *s __cleanup_sk = lookup_socket(bpf_skc_lookup_tcp, skb, &back);

		return s && s->state != BPF_TCP_LISTEN && s->state != BPF_TCP_TIME_WAIT;
	}
	return udp_owner(skb, &back) == OWNER_FLOW;
}

#endif
