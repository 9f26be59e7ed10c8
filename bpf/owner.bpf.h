/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Does a socket of this host own the flow? The answer comes before any policy:
 * that is why attach, detach and rule edits break no flow in either direction.
 */
#ifndef TPROXY_OWNER_BPF_H
#define TPROXY_OWNER_BPF_H

#include "cookie.bpf.h"
#include "parse.bpf.h"

enum owner {
	OWNER_NONE,
	OWNER_FLOW,             /* a socket with both ends of the flow */
	OWNER_REQUEST,          /* the same, as long as the handshake is under way */
	OWNER_TIME_WAIT,        /* the same, in TIME_WAIT */
	OWNER_FOREIGN_LISTENER, /* bound to exactly this destination, which is no wildcard */
};

static __always_inline void release(struct bpf_sock **s)
{
	if (*s)
		bpf_sk_release(*s);
}
#define __cleanup_sk __attribute__((cleanup(release)))

/*
 * The verifier allows no arithmetic on socket pointers, which clang makes when two
 * branches read different fields: so all are read, volatile, before the branch.
 */
#define sk_field(s, field) (*(const volatile __u32 *)&(s)->field)
#define sk_addr(s, way)                                                                            \
	{                                                                                          \
		sk_field(s, way##_ip4), sk_field(s, way##_ip6[0]), sk_field(s, way##_ip6[1]),      \
			sk_field(s, way##_ip6[2]), sk_field(s, way##_ip6[3])                       \
	}

static __always_inline bool addr_equals(const __u32 sk_addr[5], __u32 family, const __u32 *addr)
{
	if (family == AF_INET)
		return sk_addr[0] == addr[0];
	return sk_addr[1] == addr[0] && sk_addr[2] == addr[1] && sk_addr[3] == addr[2] &&
	       sk_addr[4] == addr[3];
}

static __always_inline bool bound_to_dst(const struct bpf_sock *s, const struct flow *f)
{
	const __u32 src[5] = sk_addr(s, src);

	return addr_equals(src, f->family,
			   f->family == AF_INET ? &f->tuple.ipv4.daddr : f->tuple.ipv6.daddr);
}

static __always_inline bool connected_to_src(const struct bpf_sock *s, const struct flow *f)
{
	const __u32 dst[5] = sk_addr(s, dst);
	__be16 port = s->dst_port;

	if (!port) /* no peer, which a packet of address and port 0 must not look like */
		return false;
	if (f->family == AF_INET)
		return port == f->tuple.ipv4.sport &&
		       addr_equals(dst, AF_INET, &f->tuple.ipv4.saddr);
	return port == f->tuple.ipv6.sport && addr_equals(dst, AF_INET6, f->tuple.ipv6.saddr);
}

/*
 * The ports each CPU asks the socket table about, else 0. Where no connection is found
 * that runs tproxy_lookup, for every packet of every flow that passes: it has no answer
 * to give there, and knows by this to be gone at once. Softirqs do not nest; and if one
 * should be preempted, then by a look-up for other ports. No per-CPU map: its NULL is a
 * branch, and 6.1 walked the rest of the program four times as often.
 */
#define ASKING_CPUS 1024
struct {
	__u32 ports;
} __attribute__((aligned(64))) asking[ASKING_CPUS] SEC(".data.asking");

#define asked_ports(sport, dport) ((__u32)(sport) << 16 | (dport)) /* both of network order */

static __always_inline void ask(__u32 ports)
{
	WRITE_ONCE(asking[bpf_get_smp_processor_id() % ASKING_CPUS].ports, ports);
}

static __always_inline bool is_asking(__u32 ports)
{
	return READ_ONCE(asking[bpf_get_smp_processor_id() % ASKING_CPUS].ports) == ports;
}

/* The tuple's length must be a constant in each call, or the verifier refuses it. */
#define lookup_family(helper, skb, addrs)                                                          \
	({                                                                                         \
		ask(asked_ports((addrs).sport, (addrs).dport));                                    \
		helper(skb, (struct bpf_sock_tuple *)&(addrs), sizeof(addrs), BPF_F_CURRENT_NETNS, \
		       0);                                                                         \
	})
#define lookup_socket(helper, skb, f)                                                              \
	({                                                                                         \
		struct bpf_sock *found = (f)->family == AF_INET ?                                  \
						 lookup_family(helper, skb, (f)->tuple.ipv4) :     \
						 lookup_family(helper, skb, (f)->tuple.ipv6);      \
		ask(0);                                                                            \
		found;                                                                             \
	})

/* A wildcard listener owns nothing here: the host's own sshd must not attract foreign flows. */
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

static __always_inline void turn_round(const struct flow *f, struct flow *ret_back)
{
	ret_back->family = f->family;
	ret_back->proto = f->proto;
	if (f->family == AF_INET) {
		ret_back->tuple.ipv4.saddr = f->tuple.ipv4.daddr;
		ret_back->tuple.ipv4.daddr = f->tuple.ipv4.saddr;
		ret_back->tuple.ipv4.sport = f->tuple.ipv4.dport;
		ret_back->tuple.ipv4.dport = f->tuple.ipv4.sport;
		return;
	}
	__builtin_memcpy(ret_back->tuple.ipv6.saddr, f->tuple.ipv6.daddr, 16);
	__builtin_memcpy(ret_back->tuple.ipv6.daddr, f->tuple.ipv6.saddr, 16);
	ret_back->tuple.ipv6.sport = f->tuple.ipv6.dport;
	ret_back->tuple.ipv6.dport = f->tuple.ipv6.sport;
}

/*
 * Has a socket of this host sent the start of this flow, so that it comes back to where it
 * came from? With the client's own address and port upstream every flow looks like that.
 * A global function: asked once a flow start.
 */
__noinline int came_back(struct __sk_buff *skb, const struct flow *f)
{
	struct flow back = {};

	if (!f)
		return 0;
	turn_round(f, &back);
	if (f->proto == IPPROTO_TCP) {
		struct bpf_sock *s __cleanup_sk = lookup_socket(bpf_skc_lookup_tcp, skb, &back);

		return s && s->state != BPF_TCP_LISTEN && s->state != BPF_TCP_TIME_WAIT;
	}
	return udp_owner(skb, &back) == OWNER_FLOW;
}

#endif
