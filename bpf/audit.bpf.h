/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Audited flows: they are forwarded untouched, and only counted. tproxy_ingress counts what the
 * client sends, tproxy_egress what the server answers: on the client's side of this host, so that
 * NAT of netfilter does not show. Only a SYN or a datagram that an audit rule matched begins an
 * entry, so other packets cost no rule. Decides nothing; what it does cannot change a packet.
 *
 * The entry stays when its flow has ended. The relay reads it, logs it and deletes it. If the
 * table is full, entries that nobody reads make room.
 */
#ifndef TPROXY_AUDIT_BPF_H
#define TPROXY_AUDIT_BPF_H

#include "addr.bpf.h"
#include "audited.bpf.h"
#include "count.bpf.h"
#include "flow.bpf.h"
#include "maps.bpf.h"
#include "proto.bpf.h"
#include "tproxy.h"

#define AUDIT_RECLAIM_EVERY_NS 100000000ULL
#define AUDIT_RECLAIM_VISITS 4096

static __u64 audit_reclaimed; /* time of the latest attempt to make room */
static __u32 audit_visits; /* of entries, in this attempt; on the stack the verifier would count */

/* ---- datagrams ---------------------------------------------------------- */

/*
 * Of a first fragment, the UDP header declares the whole datagram. A receiver drops a datagram that
 * declares more than the packet has.
 */
static __always_inline __u32 audit_datagram(struct __sk_buff *skb, const struct flow *f)
{
	struct udphdr uh;
	__u32 len;

	if (load_net(skb, f->l4_offset, &uh, sizeof(uh)))
		return 0;
	len = bpf_ntohs(uh.len);
	if (len < sizeof(uh) || (f->frag == FRAG_NONE && f->l4_offset + len > f->end))
		return 0;
	return len - sizeof(uh);
}

/* ---- entries ------------------------------------------------------------ */

static __always_inline __u64 audit_idle_ns(const struct tproxy_flow_key *key,
					   const struct tproxy_audited *a)
{
	__u32 seen = TPROXY_AUDITED_SEEN * 3, fin = TPROXY_AUDITED_FIN * 3;

	if (key->proto != IPPROTO_TCP)
		return TPROXY_AUDITED_UDP_IDLE_NS;
	/* After both FINs only an acknowledgement is missing, which may have been lost before us. */
	return (a->flags & seen) == seen && (a->flags & fin) != fin ? TPROXY_AUDITED_TCP_IDLE_NS :
								      TPROXY_AUDITED_SYN_IDLE_NS;
}

struct bpf_map;

static long audit_reclaim_one(struct bpf_map *map, struct tproxy_flow_key *key,
			      struct tproxy_audited *a, __u64 *now)
{
	if (a->end || *now - a->last_ns > audit_idle_ns(key, a)) {
		bpf_map_delete_elem(map, key);
		count(TPROXY_COUNT_AUDIT_LOST);
	}
	return ++audit_visits >= AUDIT_RECLAIM_VISITS;
}

/* The table is full: bounded, ten times a second at most. */
__noinline int audit_reclaim(__u64 now)
{
	if (now - audit_reclaimed < AUDIT_RECLAIM_EVERY_NS)
		return 0;
	audit_reclaimed = now;
	audit_visits = 0;
	bpf_for_each_map_elem(&audited, audit_reclaim_one, &now, 0);
	return 1;
}

/* Its addresses and ports begin again: the entry waits under another key until it is logged. */
static __always_inline void audit_retire(struct tproxy_flow_key *key, struct tproxy_audited *a)
{
	if (!a->end)
		audit_end(key, a,
			  key->proto == IPPROTO_TCP ? TPROXY_AUDIT_REUSED : TPROXY_AUDIT_IDLE);
	key->instance = bpf_get_prandom_u32() | 1;
	if (bpf_map_update_elem(&audited, key, a, BPF_NOEXIST))
		count(TPROXY_COUNT_AUDIT_LOST);
	key->instance = 0;
	bpf_map_delete_elem(&audited, key);
}

static __always_inline struct tproxy_audited *audit_insert(const struct tproxy_flow_key *key,
							   __u32 ifindex, __u32 rule, __u64 now)
{
	struct audit_scratch *s = get_scratch();
	struct tproxy_audited *a;
	long err;

	if (!s)
		return NULL;
	s->fresh = (struct tproxy_audited){
		.begin_ns = now, .last_ns = now, .ifindex = ifindex, .rule = (__u8)rule
	};
	err = bpf_map_update_elem(&audited, key, &s->fresh, BPF_ANY);
	if (err && audit_reclaim(now))
		err = bpf_map_update_elem(&audited, key, &s->fresh, BPF_ANY);
	if (err)
		count(TPROXY_COUNT_AUDIT_FULL);
	a = err ? NULL : bpf_map_lookup_elem(&audited, key);
	if (a)
		audit_report(key, a, TPROXY_EVENT_AUDIT_BEGIN);
	return a;
}

/* The server has answered a SYN within the flow of the entry, so another flow has begun. */
static __always_inline struct tproxy_audited *audit_replace(struct tproxy_flow_key *key,
							    struct tproxy_audited *a,
							    const struct audit_segment *answer)
{
	__u32 asked = a->asked, rule = a->asked_rule, ifindex = a->ifindex;

	audit_retire(key, a);
	if (rule == TPROXY_NOT_AUDITED)
		return NULL;
	a = audit_insert(key, ifindex, rule, bpf_ktime_get_ns());
	if (a)
		audit_begin_at(a, asked, answer);
	return a;
}

/* Does this start belong to the flow of the entry: a retransmission, or one more datagram? */
static __always_inline bool audit_continues(const struct tproxy_flow_key *key,
					    const struct tproxy_audited *a,
					    const struct audit_segment *s, __u64 now)
{
	if (key->proto != IPPROTO_TCP)
		return !a->end && now - a->last_ns <= TPROXY_AUDITED_UDP_IDLE_NS;
	return a->first[AUDIT_UP] == s->seq && now - a->last_ns <= audit_idle_ns(key, a);
}

static __always_inline void audit_count(struct __sk_buff *skb, struct tproxy_audited *a, __u32 dir)
{
	__u32 segs = skb->gso_segs;

	a->last_ns = bpf_ktime_get_ns();
	__sync_fetch_and_add(&a->packets[dir & 1], segs ? segs : 1);
}

static __always_inline void audit_reverse(struct tproxy_flow_key *key)
{
	__u32 *src = (__u32 *)key->src, *dst = (__u32 *)key->dst, word;
	__be16 port = key->sport;

	for (int i = 0; i < 4; i++) {
		word = src[i];
		src[i] = dst[i];
		dst[i] = word;
	}
	key->sport = key->dport;
	key->dport = port;
}

/*
 * A datagram that a rule matches may be the answer to one: where answers enter by an interface with
 * such a rule, too, and always on a router with one interface. tproxy_egress counts it.
 */
static __always_inline bool audit_is_answer(struct tproxy_flow_key *key, __u64 now)
{
	struct tproxy_audited *a;

	audit_reverse(key);
	a = bpf_map_lookup_elem(&audited, key);
	audit_reverse(key);
	return a && !a->end && now - a->last_ns <= TPROXY_AUDITED_UDP_IDLE_NS;
}

/* An audit rule has matched this flow start. A global function: the verifier walks it once. */
__noinline int audit_start(struct __sk_buff *skb, const struct flow *f, __u32 rule)
{
	struct audit_segment s = {};
	struct tproxy_flow_key key;
	struct tproxy_audited *a;
	__u64 now = bpf_ktime_get_ns();

	if (!f || (f->proto == IPPROTO_TCP && !audit_read(skb, f, &s)))
		return 0;
	key = flow_key(f);
	a = bpf_map_lookup_elem(&audited, &key);
	if (a && !audit_continues(&key, a, &s, now)) {
		if (f->proto == IPPROTO_TCP && now - a->last_ns <= audit_idle_ns(&key, a) &&
		    audit_syn_waits(a, &s, rule))
			return 0;
		audit_retire(&key, a);
		a = NULL;
	}
	if (!a && f->proto != IPPROTO_TCP && audit_is_answer(&key, now))
		return 0;
	if (!a)
		a = audit_insert(&key, skb->ingress_ifindex, rule, now);
	if (!a)
		return 0;
	audit_count(skb, a, AUDIT_UP);
	if (f->proto == IPPROTO_TCP)
		audit_segment(&key, a, AUDIT_UP, &s);
	else
		__sync_fetch_and_add(&a->bytes[AUDIT_UP], audit_datagram(skb, f));
	return 1;
}

/*
 * Any other packet: of a TCP client (dir 0), or an answer. audit_start has counted the SYN of a
 * client, unless it matched another rule now. A global function: the verifier walks it once.
 */
__noinline int audit_packet(struct __sk_buff *skb, const struct flow *f, __u32 dir)
{
	struct audit_segment s = {};
	struct flow client = {};
	struct tproxy_flow_key key;
	struct tproxy_audited *a;

	if (!f)
		return 0;
	if (dir) {
		reverse_flow(f, &client);
		key = flow_key(&client);
	} else {
		key = flow_key(f);
	}
	a = bpf_map_lookup_elem(&audited, &key);
	if (!a)
		return 0;
	if (f->proto != IPPROTO_TCP) {
		if (a->end)
			return 0;
		audit_count(skb, a, dir);
		__sync_fetch_and_add(&a->bytes[dir & 1], audit_datagram(skb, f));
		return 1;
	}
	if (!audit_read(skb, f, &s))
		return 0;
	if (!dir && tcp_control(f) == TCP_SYN) {
		if (!audit_syn_waits(a, &s, TPROXY_NOT_AUDITED) && !a->end &&
		    s.seq != a->first[AUDIT_UP])
			audit_end(&key, a, TPROXY_AUDIT_REUSED);
		return 0;
	}
	if (audit_syn_answered(a, dir, &s)) {
		a = audit_replace(&key, a, &s);
		if (!a)
			return 0;
	}
	audit_revive(a, dir, &s);
	if (a->end && !audit_is_reset(a))
		return 0;
	audit_count(skb, a, dir);
	audit_segment(&key, a, dir, &s);
	return 1;
}

/* ---- for the reader ----------------------------------------------------- */

static __always_inline void audit_expire(const struct tproxy_flow_key *key,
					 struct tproxy_audited *a)
{
	__u32 fin = TPROXY_AUDITED_FIN * 3;
	bool closed = key->proto == IPPROTO_TCP && (a->flags & fin) == fin;
	struct tproxy_event event = {};

	if (a->end || bpf_ktime_get_ns() - a->last_ns <= audit_idle_ns(key, a))
		return;
	a->end = closed ? audit_closed_by(a) : TPROXY_AUDIT_IDLE;
	audit_event(&event, key, a, TPROXY_EVENT_AUDIT_END);
}

static __always_inline void audit_serve(const struct tproxy_audit_request *r)
{
	struct tproxy_audited *a = bpf_map_lookup_elem(&audited, &r->flow);

	if (!a || a->begin_ns != r->begin_ns)
		return;
	if (r->op == TPROXY_AUDIT_OP_LOGGED)
		__sync_fetch_and_or(&a->flags, TPROXY_AUDITED_LOGGED);
	else if (r->op == TPROXY_AUDIT_OP_EXPIRE)
		audit_expire(&r->flow, a);
	else if (r->op == TPROXY_AUDIT_OP_DELETE)
		bpf_map_delete_elem(&audited, &r->flow);
}

#endif
