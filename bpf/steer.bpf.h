/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Gives a flow to the listener of its rule: assigns it here or leaves a ticket for sk_lookup.
 * Without a listener it applies on-proxy-down of the rule. Does not choose the rule.
 */
#ifndef TPROXY_STEER_BPF_H
#define TPROXY_STEER_BPF_H

#include "addr.bpf.h"
#include "cookie.bpf.h"
#include "count.bpf.h"
#include "flow.bpf.h"
#include "health.bpf.h"
#include "listener.bpf.h"
#include "maps.bpf.h"
#include "match.bpf.h"
#include "proxied.bpf.h"
#include "reset.bpf.h"
#include "slots.bpf.h"
#include "socket.bpf.h"
#include "tproxy.h"
#include "verdict.bpf.h"

#define ESOCKTNOSUPPORT 94

/* How a flow reaches its listener. Flow starts come first: see is_flow_start. */
enum steer_how {
	STEER_ASSIGN, /* a flow start: bpf_sk_assign here */
	STEER_TICKET, /* a flow start: by sk_lookup, later in the stack */
	/*
	 * Segments that no socket owns, as far as this CPU sees: while a request socket is
	 * replaced by the connection (inet_ehash_insert), another CPU finds neither. Assigning the
	 * listener would end that connection. With a ticket the stack looks again, and asks
	 * sk_lookup last.
	 */
	STEER_COOKIE, /* ticket, if the ACK carries a SYN cookie of the listener; else not ours */
	STEER_LATE,   /* ticket, so that the listener answers with RST; else not ours */
};

/*
 * One comparison by order, here and nowhere else. Two for equality are two branches at each call,
 * and Linux 6.1's verifier then walks 307 000 instructions instead of 206 000.
 */
static __always_inline bool is_flow_start(enum steer_how how)
{
	return how < STEER_COOKIE;
}

/*
 * sk_lookup takes sockets from the map only. So a listener that was found by address is put
 * into the slot of its rule; the slot empties by itself when the listener closes.
 */
static __always_inline __u32 store_listener(struct bpf_sock *s, const struct match *m,
					    const struct flow *f)
{
	__u32 slot = found_slot(m->number, f->proto, f->family);

	return bpf_map_update_elem(&socks, &slot, s, BPF_ANY) ? NO_SLOT : slot;
}

/* The note by which sk_lookup knows the socket of this flow start. */
static __always_inline bool write_ticket(const struct flow *f, __u32 slot, __u32 rule)
{
	struct tproxy_ticket ticket = { .slot = slot, .rule = rule };
	struct tproxy_flow_key key = flow_key(f);

	if (slot == NO_SLOT)
		return false;
	return !bpf_map_update_elem(&tickets, &key, &ticket, BPF_ANY);
}

/* There is no listener. */
static __always_inline enum verdict on_down(struct __sk_buff *skb, const struct tproxy_rule *rule,
					    const struct flow *f)
{
	if (rule->on_down == TPROXY_ON_DOWN_PASS)
		return leave(TPROXY_COUNT_DOWN_PASS);
	if (rule->on_down == TPROXY_ON_DOWN_RESET && make_refusal(skb, f)) {
		count(TPROXY_COUNT_DOWN_RESET);
		return VERDICT_REPLY;
	}
	return drop(TPROXY_COUNT_DOWN_DROP);
}

static __always_inline void note_steered(struct __sk_buff *skb, const struct match *m,
					 const struct flow *f, enum steer_how how)
{
	if (is_flow_start(how))
		health_note_start(skb, f, m->number);
	if (f->proto != IPPROTO_TCP)
		return;
	proxied_note(f, m->number);
	if (how == STEER_COOKIE)
		health_note_handshake(f);
}

static __always_inline enum verdict steer(struct __sk_buff *skb, const struct match *m,
					  struct flow *f, enum steer_how how,
					  enum tproxy_counter why)
{
	__u32 slot;
	struct bpf_sock *s __cleanup_sk = find_listener(skb, m->rule, f, &slot);
	bool fits = s && listener_fits(s, f) && listener_device_fits(s, m, skb);
	long err = -ESOCKTNOSUPPORT;

	if (!is_flow_start(how) && !fits) {
		/* Without a listener flows pass to their server, which answers this one as well. */
		if (how == STEER_LATE && m->rule->on_down == TPROXY_ON_DOWN_PASS)
			proxied_forget(f);
		return VERDICT_NEXT;
	}
	if (how == STEER_COOKIE && !cookie_is_valid(skb, s, f))
		return VERDICT_NEXT;
	if (!fits)
		return on_down(skb, m->rule, f);
	if (f->proto == IPPROTO_TCP && is_flow_start(how))
		cookie_note_syn(skb, s, f);
	if (how == STEER_ASSIGN)
		err = bpf_sk_assign(skb, s, 0);
	/* Kernels before 6.6 refuse SO_REUSEPORT listeners in tc; sk_lookup takes them. */
	if (err == -ESOCKTNOSUPPORT) {
		if (slot == NO_SLOT)
			slot = store_listener(s, m, f);
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

#endif
