/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Audited flows: they are forwarded untouched, and only counted. tproxy_ingress counts what the
 * client sends, tproxy_egress what the server answers: on the client's side of this host, so that
 * NAT of netfilter does not show. Only a SYN or a datagram that an audit rule matched begins an
 * entry, so other packets cost no rule. Decides nothing; what it does cannot change a packet.
 *
 * The entry stays when its flow has ended. The relay reads it, logs it and deletes it. If the
 * table is full, entries that nobody reads make room (audit_room.bpf.h).
 */
#ifndef TPROXY_AUDIT_BPF_H
#define TPROXY_AUDIT_BPF_H

#include "addr.bpf.h"
#include "audit_room.bpf.h"
#include "audited.bpf.h"
#include "count.bpf.h"
#include "flow.bpf.h"
#include "maps.bpf.h"
#include "proto.bpf.h"
#include "tproxy.h"
#include "tproxy_audit.h"

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

/* Of the flow of s->key. */
static __always_inline struct tproxy_audited *audit_insert(struct audit_scratch *s, __u32 ifindex,
							   __u32 rule, __u64 now)
{
	struct tproxy_audited *a;
	int err;

	__builtin_memset(&s->fresh, 0, sizeof(s->fresh)); /* an initializer would be on the stack */
	s->fresh.begin_ns = s->fresh.last_ns = now;
	s->fresh.ifindex = ifindex;
	s->fresh.rule = (__u8)rule;
	err = audit_add();
	if (err && err != -EEXIST && audit_reclaim(now))
		err = audit_add();
	if (err && err != -EEXIST)
		count(TPROXY_COUNT_AUDIT_FULL);
	a = bpf_map_lookup_elem(&audited, &s->key);
	if (a && !err)
		audit_report(&s->key, a, TPROXY_EVENT_AUDIT_BEGIN);
	return a;
}

/* The server has answered a SYN within the flow of the entry, so another flow has begun. */
static __always_inline struct tproxy_audited *
audit_replace(struct audit_scratch *s, struct tproxy_audited *a, const struct audit_segment *answer)
{
	__u32 asked = a->asked, rule = a->asked_rule, ifindex = a->ifindex;

	audit_retire(&s->key, a);
	if (rule == TPROXY_NOT_AUDITED)
		return NULL;
	a = audit_insert(s, ifindex, rule, bpf_ktime_get_ns());
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
		return !a->end && !audit_is_idle(key, a, now);
	return a->first[AUDIT_UP] == s->seq && !audit_is_idle(key, a, now);
}

/* A tap or a virtio device tells the size of segments, but not their number. */
static __always_inline __u32 audit_segments(const struct __sk_buff *skb, __u32 data)
{
	__u32 segs = skb->gso_segs, size = skb->gso_size;

	return segs || !size ? segs : (data + size - 1) / size;
}

static __always_inline void audit_count(struct __sk_buff *skb, struct tproxy_audited *a, __u32 dir,
					__u32 data)
{
	__u32 segs = audit_segments(skb, data);

	a->last_ns = bpf_ktime_get_ns();
	__sync_fetch_and_add(&a->packets[dir & 1], segs ? segs : 1);
}

static __always_inline int audit_more_data(struct __sk_buff *skb, const struct flow *f,
					   struct tproxy_audited *a, __u32 dir)
{
	__u32 data;

	if (a->end)
		return 0;
	data = audit_datagram(skb, f);
	audit_count(skb, a, dir, data);
	__sync_fetch_and_add(&a->bytes[dir & 1], data);
	return 1;
}

/*
 * A datagram that a rule matches may be the answer to one: where answers enter by an interface with
 * such a rule, too, and always on a router with one interface. tproxy_egress counts it.
 */
static __always_inline bool audit_is_answer(const struct flow *f, struct audit_scratch *s,
					    __u64 now)
{
	struct tproxy_audited *a;

	set_answered_key(f, &s->other);
	a = bpf_map_lookup_elem(&audited, &s->other);
	return a && !a->end && !audit_is_idle(&s->other, a, now);
}

/*
 * An audit rule has matched this flow start. A global function: the verifier walks it once. The key
 * is in scratch, like that of audit_packet, because the stack of all programs has little room.
 */
__noinline int audit_start(struct __sk_buff *skb, const struct flow *f, __u32 rule)
{
	struct audit_scratch *s = get_scratch();
	struct audit_segment *seg;
	struct tproxy_audited *a;
	__u64 now = bpf_ktime_get_ns();

	if (!s || !f)
		return 0;
	seg = &s->segment;
	if (f->proto == IPPROTO_TCP && !audit_read(skb, f, seg))
		return 0;
	set_flow_key(f, &s->key);
	a = bpf_map_lookup_elem(&audited, &s->key);
	if (a && !audit_continues(&s->key, a, seg, now)) {
		if (f->proto == IPPROTO_TCP && !audit_is_idle(&s->key, a, now) &&
		    audit_syn_waits(a, seg, rule))
			return 0;
		audit_retire(&s->key, a);
		a = NULL;
	}
	if (!a && f->proto != IPPROTO_TCP && audit_is_answer(f, s, now))
		return 0;
	if (!a)
		a = audit_insert(s, skb->ingress_ifindex, rule, now);
	if (!a)
		return 0;
	if (f->proto != IPPROTO_TCP)
		return audit_more_data(skb, f, a, AUDIT_UP);
	audit_count(skb, a, AUDIT_UP, seg->len);
	audit_segment(&s->key, a, AUDIT_UP, seg);
	return 1;
}

/* A SYN that audit_start has counted, or that matched another rule now. */
static __always_inline void audit_other_syn(struct audit_scratch *s, struct tproxy_audited *a)
{
	if (!audit_syn_waits(a, &s->segment, TPROXY_NOT_AUDITED) && !a->end &&
	    s->segment.seq != a->first[AUDIT_UP])
		audit_end(&s->key, a, TPROXY_AUDIT_REUSED);
}

/* Any other packet: of a TCP client (dir 0), or an answer. A global function, as audit_start. */
__noinline int audit_packet(struct __sk_buff *skb, const struct flow *f, __u32 dir)
{
	struct audit_scratch *s = get_scratch();
	struct tproxy_audited *a;

	if (!s || !f)
		return 0;
	if (dir)
		set_answered_key(f, &s->key);
	else
		set_flow_key(f, &s->key);
	a = bpf_map_lookup_elem(&audited, &s->key);
	if (!a)
		return 0;
	if (f->proto != IPPROTO_TCP)
		return audit_more_data(skb, f, a, dir);
	if (!audit_read(skb, f, &s->segment))
		return 0;
	if (!dir && tcp_control(f) == TCP_SYN) {
		audit_other_syn(s, a);
		return 0;
	}
	if (audit_syn_answered(a, dir, &s->segment))
		a = audit_replace(s, a, &s->segment);
	if (!a)
		return 0;
	audit_revive(a, dir, &s->segment);
	if (a->end && !audit_is_reset(a))
		return 0;
	audit_count(skb, a, dir, s->segment.len);
	audit_segment(&s->key, a, dir, &s->segment);
	return 1;
}

/* ---- for the reader ----------------------------------------------------- */

static __always_inline void audit_expire(const struct tproxy_flow_key *key,
					 struct tproxy_audited *a)
{
	struct tproxy_event event = {};

	if (a->end || !audit_is_idle(key, a, bpf_ktime_get_ns()))
		return;
	a->end = tproxy_audit_is_closed(key, a) ? tproxy_audit_closed_by(a) : TPROXY_AUDIT_IDLE;
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
		audit_remove(&r->flow, a);
}

#endif
