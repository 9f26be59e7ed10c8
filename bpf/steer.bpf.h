/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Acting on a verdict: the mark, the listener, the assignment, the ticket, and
 * what happens when there is no listener. Knows nothing of the policy maps.
 */
#ifndef TPROXY_STEER_BPF_H
#define TPROXY_STEER_BPF_H

#include "addr.bpf.h"
#include "proxied.bpf.h"
#include "cookie.bpf.h"
#include "count.bpf.h"
#include "health.bpf.h"
#include "match.bpf.h"
#include "owner.bpf.h"
#include "reset.bpf.h"

#define ESOCKTNOSUPPORT 94
#define NO_SLOT 0xffffffff

/* What the entry point does with the packet; only it knows TC codes. */
enum verdict {
	VERDICT_NEXT, /* not ours: whoever comes after us decides */
	VERDICT_KEEP, /* set our mark, so that it is delivered here */
	VERDICT_DROP,
	VERDICT_REPLY, /* the skb is an answer now: back where it came from */
};

static __always_inline enum verdict keep(enum tproxy_counter why)
{
	count(why);
	return VERDICT_KEEP;
}

/* enum tproxy_class. */
static __always_inline __u32 flow_class(__u8 proto, __u32 family)
{
	return (proto == IPPROTO_TCP ? TPROXY_TCP4 : TPROXY_UDP4) + (family == AF_INET6);
}

/* Which of a group's ways takes this flow; the same for every packet of it. */
static __always_inline __u32 flow_slot(__u32 group, const struct tproxy_flow_key *f, __u32 family)
{
	const __u32 *src = (const __u32 *)f->src, *dst = (const __u32 *)f->dst;
	__u32 h = src[3] ^ src[1] ^ dst[3] ^ ((__u32)f->sport << 16 | f->dport);

	h *= 0x9e3779b1; /* Fibonacci hashing: the top bits are the mixed ones */
	return TPROXY_SLOT(group, flow_class(f->proto, family), h >> 28);
}

_Static_assert(TPROXY_GROUP_WAYS == 1 << (32 - 28), "flow_slot takes four bits");
_Static_assert(TPROXY_TCP6 == TPROXY_TCP4 + 1 && TPROXY_UDP6 == TPROXY_UDP4 + 1, "flow_class");

/* bpf_sk_assign checks neither family nor protocol nor state: we do. */
static __always_inline bool listener_fits(const struct bpf_sock *s, const struct flow *f)
{
	if (f->family == AF_INET6 && s->family != AF_INET6)
		return false;
	if (s->protocol != f->proto)
		return false;
	if (f->proto == IPPROTO_TCP)
		return s->state == BPF_TCP_LISTEN;
	return s->dst_port == 0; /* a connected UDP socket is nobody's listener */
}

/* Nor the device: a socket not bound to the VRF's member answers, and connects, somewhere else. */
static __always_inline bool listener_is_there(const struct bpf_sock *s, const struct match *m,
					      const struct __sk_buff *skb)
{
	return !m->vrf || s->bound_dev_if == skb->ingress_ifindex;
}

static __always_inline struct bpf_sock *listener_lookup(struct __sk_buff *skb, struct flow *to)
{
	if (to->proto == IPPROTO_TCP)
		return lookup_socket(bpf_sk_lookup_tcp, skb, to);
	return lookup_socket(bpf_sk_lookup_udp, skb, to);
}

/*
 * The listener as the TPROXY target finds it: by the proxy's own address, with
 * the client's address and port, so that SO_REUSEPORT spreads flows. Referenced.
 */
static __always_inline struct bpf_sock *
listener_by_address(struct __sk_buff *skb, const struct tproxy_rule *rule, const struct flow *f)
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
	s = listener_lookup(skb, &to);
	if (s && s->dst_port == 0)
		return s;
	/*
	 * A connection of the client's own with the proxy was found, or what TIME_WAIT left
	 * of it. Nobody connects from port 0.
	 */
	if (s)
		bpf_sk_release(s);
	if (f->family == AF_INET)
		to.tuple.ipv4.sport = 0;
	else
		to.tuple.ipv6.sport = 0;
	return listener_lookup(skb, &to);
}

static __always_inline struct bpf_sock *find_listener(struct __sk_buff *skb,
						      const struct tproxy_rule *rule,
						      const struct flow *f, __u32 *slot)
{
	struct tproxy_flow_key key;

	if (rule->proxy_port) {
		*slot = NO_SLOT;
		return listener_by_address(skb, rule, f);
	}
	key = flow_key(f);
	*slot = flow_slot(rule->group, &key, f->family);
	return bpf_map_lookup_elem(&socks, slot);
}

/*
 * sk_lookup takes its sockets from the map only. A listener found by address is put
 * there under its rule; the slot empties by itself when the listener closes.
 */
static __always_inline __u32 lend_slot(struct bpf_sock *s, const struct match *m,
				       const struct flow *f)
{
	__u32 slot = TPROXY_LENT_SLOT(flow_class(f->proto, f->family), m->number);

	return bpf_map_update_elem(&socks, &slot, s, BPF_ANY) ? NO_SLOT : slot;
}

/* Tells sk_lookup which socket this flow start belongs to. */
static __always_inline bool write_ticket(const struct flow *f, __u32 slot, __u32 rule)
{
	struct tproxy_ticket ticket = { .slot = slot, .rule = rule };
	struct tproxy_flow_key key = flow_key(f);

	if (slot == NO_SLOT)
		return false;
	return !bpf_map_update_elem(&tickets, &key, &ticket, BPF_ANY);
}

static __always_inline enum verdict on_down(struct __sk_buff *skb, const struct tproxy_rule *rule,
					    const struct flow *f)
{
	if (rule->on_down == TPROXY_ON_DOWN_PASS) {
		count(TPROXY_COUNT_DOWN_PASS);
		return VERDICT_NEXT;
	}
	if (rule->on_down == TPROXY_ON_DOWN_RESET && make_refusal(skb, f)) {
		count(TPROXY_COUNT_DOWN_RESET);
		return VERDICT_REPLY;
	}
	count(TPROXY_COUNT_DOWN_DROP);
	return VERDICT_DROP;
}

/* How a flow reaches its listener. */
enum steer_how {
	STEER_ASSIGN, /* bpf_sk_assign here */
	STEER_TICKET, /* by sk_lookup, later in the stack */
	/*
	 * Segments that nobody owns, it seems: while a connection's request socket makes way for
	 * the connection itself (inet_ehash_insert), another CPU finds neither. Assigned to the
	 * listener they would end it; the stack looks again, and sk_lookup comes last.
	 */
	STEER_COOKIE, /* as TICKET, if the ACK carries a SYN cookie of the listener; else not ours */
	STEER_LATE,   /* as TICKET, for the listener to answer with RST; else not ours */
};

static __always_inline void note_steered(struct __sk_buff *skb, const struct match *m,
					 const struct flow *f, enum steer_how how)
{
	if (how < STEER_COOKIE)
		health_start(skb, f, m->number);
	if (f->proto != IPPROTO_TCP)
		return;
	began_note(f, m->number);
	if (how == STEER_COOKIE)
		health_shake(f);
}

static __always_inline enum verdict steer(struct __sk_buff *skb, const struct match *m,
					  struct flow *f, enum steer_how how,
					  enum tproxy_counter why)
{
	__u32 slot;
	struct bpf_sock *s __cleanup_sk = find_listener(skb, m->rule, f, &slot);
	bool fits = s && listener_fits(s, f) && listener_is_there(s, m, skb);
	long err = -ESOCKTNOSUPPORT;

	if (how >= STEER_COOKIE && !fits) {
		/* Its server may tell the client, since all flows are the server's now. */
		if (how == STEER_LATE && m->rule->on_down == TPROXY_ON_DOWN_PASS)
			began_at_proxy(f, BEGAN_FORGET);
		return VERDICT_NEXT;
	}
	if (how == STEER_COOKIE && !cookie_is_valid(skb, s, f))
		return VERDICT_NEXT;
	if (!fits)
		return on_down(skb, m->rule, f);
	if (f->proto == IPPROTO_TCP && how < STEER_COOKIE)
		cookie_note(skb, s, f);
	if (how == STEER_ASSIGN)
		err = bpf_sk_assign(skb, s, 0);
	/* Kernels before 6.6 refuse SO_REUSEPORT listeners in tc; sk_lookup takes them. */
	if (err == -ESOCKTNOSUPPORT) {
		if (slot == NO_SLOT)
			slot = lend_slot(s, m, f);
		if (write_ticket(f, slot, m->number))
			err = 0;
	}
	if (!err) {
		note_steered(skb, m, f, how);
		return keep(why);
	}
	if (how == STEER_LATE)
		return VERDICT_NEXT;
	count(TPROXY_COUNT_ASSIGN_FAILED);
	return on_down(skb, m->rule, f);
}

/*
 * An answer to a flow start that nobody here owns: would a rule of this interface have taken
 * the flow, had its start come in here? A global function.
 */
__noinline int answers_past(struct __sk_buff *skb, const struct flow *f)
{
	const struct tproxy_config *cfg = get_config();
	struct flow start = {};
	struct match m;

	if (!cfg || !f)
		return 0;
	turn_round(f, &start);
	m = match(skb, cfg, &start);
	return m.rule && m.rule->action != TPROXY_ACTION_PASS;
}

/* Does a rule bring this flow to the relay, and is there one? A global function. */
__noinline int is_relayed(struct __sk_buff *skb, const struct flow *f)
{
	const struct tproxy_config *cfg = get_config();
	struct bpf_sock *s __cleanup_sk = NULL;
	struct match m;
	__u32 slot;

	if (!cfg || !f)
		return 0;
	m = match(skb, cfg, f);
	if (!m.rule || m.rule->action != TPROXY_ACTION_PROXY || m.rule->proxy_port)
		return 0;
	s = find_listener(skb, m.rule, f, &slot);
	return s != NULL;
}

#endif
