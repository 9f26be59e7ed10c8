/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The listener that a rule means: found in the socket map or by address, and checked. Assigns
 * nothing and counts nothing.
 */
#ifndef TPROXY_LISTENER_BPF_H
#define TPROXY_LISTENER_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "maps.bpf.h"
#include "match.bpf.h"
#include "proto.bpf.h"
#include "slots.bpf.h"
#include "socket.bpf.h"
#include "tproxy.h"

/* bpf_sk_assign checks neither family nor protocol nor state, so this does. */
static __always_inline bool listener_fits(const struct bpf_sock *s, const struct flow *f)
{
	if (f->family == AF_INET6 && s->family != AF_INET6)
		return false;
	if (s->protocol != f->proto)
		return false;
	if (f->proto == IPPROTO_TCP)
		return s->state == BPF_TCP_LISTEN;
	return s->dst_port == 0; /* a connected UDP socket takes datagrams of its peer only */
}

/*
 * bpf_sk_assign does not check the device either. In a VRF a socket that is not bound to the
 * ingress interface would answer, and connect, in another routing domain.
 */
static __always_inline bool listener_device_fits(const struct bpf_sock *s, const struct match *m,
						 const struct __sk_buff *skb)
{
	return !m->vrf || s->bound_dev_if == skb->ingress_ifindex;
}

static __always_inline struct bpf_sock *listener_lookup(void *ctx, struct flow *to)
{
	if (to->proto == IPPROTO_TCP)
		return lookup_socket(bpf_sk_lookup_tcp, ctx, to);
	return lookup_socket(bpf_sk_lookup_udp, ctx, to);
}

/*
 * Looks the listener up as iptables' TPROXY target does: the proxy's address and port as the
 * destination, the client's as the source, so that SO_REUSEPORT spreads flows. Returns a reference.
 */
static __always_inline struct bpf_sock *
listener_by_address(void *ctx, const struct tproxy_rule *rule, const struct flow *f)
{
	struct flow to = *f;
	struct bpf_sock *s;

	if (f->family == AF_INET) {
		__builtin_memcpy(&to.tuple.ipv4.daddr, rule->proxy4, 4);
		to.tuple.ipv4.dport = rule->proxy_port;
	} else {
		__builtin_memcpy(to.tuple.ipv6.daddr, rule->proxy6, 16);
		to.tuple.ipv6.dport = rule->proxy_port;
	}
	s = listener_lookup(ctx, &to);
	if (s && s->dst_port == 0)
		return s;
	/*
	 * This is a connection between the client and the proxy itself, or its TIME_WAIT. No
	 * client connects from port 0, so a look-up from there finds the listener.
	 */
	if (s)
		bpf_sk_release(s);
	if (f->family == AF_INET)
		to.tuple.ipv4.sport = 0;
	else
		to.tuple.ipv6.sport = 0;
	return listener_lookup(ctx, &to);
}

/*
 * ctx: of a program that can look sockets up. Returns a reference, or NULL. ret_slot: of the
 * listener, or NO_SLOT if it is in none.
 */
static __always_inline struct bpf_sock *find_listener(void *ctx, const struct tproxy_rule *rule,
						      const struct flow *f, __u32 *ret_slot)
{
	struct tproxy_flow_key key;

	if (rule->proxy_port) {
		*ret_slot = NO_SLOT;
		return listener_by_address(ctx, rule, f);
	}
	key = flow_key(f);
	*ret_slot = flow_slot(rule->group, &key, f->family);
	return bpf_map_lookup_elem(&socks, ret_slot);
}

#endif
