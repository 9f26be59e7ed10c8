/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The entry of one audited flow: what a TCP segment changes in it, how it ends, and the events of
 * its begin and end. Looks up no flow.
 *
 * TCP counts bytes by sequence numbers, so a retransmission does not count. The peer must accept
 * what is counted: a RST, FIN or gap that it would ignore must not end or falsify the record.
 */
#ifndef TPROXY_AUDITED_BPF_H
#define TPROXY_AUDITED_BPF_H

#include "event.bpf.h"
#include "flow.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"
#include "proto.bpf.h"
#include "reset.bpf.h"
#include "tproxy.h"
#include "tproxy_audit.h"

/* Bytes that may be lost before us. Only a client has an interest in wild numbers. */
#define AUDIT_GAP_UP_MAX (1 << 26)
#define AUDIT_GAP_DOWN_MAX (1 << 30)
#define AUDIT_CAS_TRIES 4
/* After this quiet time nothing from before a RST is still under way. */
#define AUDIT_RESET_NS 1000000000ULL
#define AUDIT_SYN_DATA_MAX 65535

enum audit_direction { AUDIT_UP, AUDIT_DOWN };

struct audit_segment {
	__u32 seq, ack; /* host byte order */
	__u32 len;      /* bytes of data */
	__u8 flags;     /* enum tcp_flag */
};

/* What has no room on the stack. For packets only: these do not interrupt each other on a CPU. */
struct audit_scratch {
	struct tproxy_event event;
	struct tproxy_audited fresh;
	struct tproxy_flow_key key;   /* of the packet's flow */
	struct tproxy_flow_key other; /* of a flow that is looked at beside it */
	struct audit_segment segment;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct audit_scratch);
} scratch SEC(".maps");

static __always_inline struct audit_scratch *get_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

static __always_inline void audit_event(struct tproxy_event *event,
					const struct tproxy_flow_key *key,
					const struct tproxy_audited *a, enum tproxy_event_type type)
{
	event->time_ns = bpf_ktime_get_ns();
	event->type = type;
	event->ifindex = a->ifindex;
	event->rule = a->rule;
	event->reason = a->end;
	event->flow = *key;
	event->bytes[AUDIT_UP] = a->bytes[AUDIT_UP];
	event->bytes[AUDIT_DOWN] = a->bytes[AUDIT_DOWN];
	event->packets[AUDIT_UP] = a->packets[AUDIT_UP];
	event->packets[AUDIT_DOWN] = a->packets[AUDIT_DOWN];
	tproxy_event(event);
}

static __always_inline void audit_report(const struct tproxy_flow_key *key,
					 const struct tproxy_audited *a,
					 enum tproxy_event_type type)
{
	struct audit_scratch *s = get_scratch();

	if (s)
		audit_event(&s->event, key, a, type);
}

static __always_inline void audit_end(const struct tproxy_flow_key *key, struct tproxy_audited *a,
				      enum tproxy_audit_end why)
{
	a->end = why;
	audit_report(key, a, TPROXY_EVENT_AUDIT_END);
}

/* ---- segments ----------------------------------------------------------- */

/* BIG TCP does not declare its end. */
static __always_inline __u32 audit_end_of(struct __sk_buff *skb, const struct flow *f)
{
	int l2;

	if (f->end != WHOLE_PACKET)
		return f->end;
	l2 = link_header_len(skb);
	return l2 < 0 ? 0 : skb->len - (__u32)l2;
}

static __always_inline bool audit_read(struct __sk_buff *skb, const struct flow *f,
				       struct audit_segment *s)
{
	struct tcphdr th;
	__u32 data, end;

	if (f->l4_offset + sizeof(th) > f->end || load_net(skb, f->l4_offset, &th, sizeof(th)))
		return false;
	data = f->l4_offset + th.doff * 4;
	end = audit_end_of(skb, f);
	s->seq = bpf_ntohl(th.seq);
	s->ack = bpf_ntohl(th.ack_seq);
	s->len = end > data ? end - data : 0;
	s->flags = f->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);
	if (s->flags & TCP_SYN)
		s->seq++; /* of the first byte of data */
	return true;
}

/* a and b are sequence numbers: is a after b? */
static __always_inline bool seq_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

/* The sequence number that follows all that was seen, without a FIN. */
static __always_inline __u32 audit_next(const struct tproxy_audited *a, __u32 dir)
{
	return a->first[dir & 1] + (__u32)a->bytes[dir & 1];
}

/*
 * An acknowledgement without data has the number after a FIN, which is no byte. Another CPU may count
 * a segment of the same direction: then this one looks again.
 */
static __always_inline void audit_data(struct tproxy_audited *a, __u32 dir,
				       const struct audit_segment *s)
{
	for (int n = 0; n < AUDIT_CAS_TRIES && (s->len || (s->flags & TCP_FIN)); n++) {
		__u64 bytes = a->bytes[dir & 1];
		__u32 next = a->first[dir & 1] + (__u32)bytes;
		__s32 more = (__s32)(s->seq + s->len - next), gap = (__s32)(s->seq - next);

		if (more <= 0 || gap > (dir ? AUDIT_GAP_DOWN_MAX : AUDIT_GAP_UP_MAX))
			return;
		if (__sync_val_compare_and_swap(&a->bytes[dir & 1], bytes, bytes + (__u32)more) ==
		    bytes)
			return;
	}
}

static __always_inline __u32 audit_flag(__u32 flag_of_client, __u32 dir)
{
	return flag_of_client << (dir & 1);
}

static __always_inline bool audit_has(const struct tproxy_audited *a, __u32 flag_of_client,
				      __u32 dir)
{
	return a->flags & audit_flag(flag_of_client, dir);
}

static __always_inline bool audit_has_both(const struct tproxy_audited *a, __u32 flag_of_client)
{
	return (a->flags & flag_of_client * 3) == flag_of_client * 3;
}

/* Does it acknowledge something that the other side has sent in this flow? */
static __always_inline bool audit_acks(const struct tproxy_audited *a, __u32 dir,
				       const struct audit_segment *s)
{
	__u32 other = (dir & 1) ^ 1;

	return (s->flags & TCP_ACK) && !seq_after(a->first[other], s->ack) &&
	       !seq_after(s->ack, audit_next(a, other) + 1);
}

/*
 * The first segment of a direction. A server answers the SYN first; if it acknowledges something
 * else, it speaks of an older connection (RFC 5961 4.2). It may choose another number each time that
 * it answers the SYN (SYN cookies), until the client has acknowledged one.
 */
static __always_inline bool audit_first(struct tproxy_audited *a, __u32 dir,
					const struct audit_segment *s)
{
	__u32 syn = !!(s->flags & TCP_SYN), begin = s->seq - syn;

	if (audit_has(a, TPROXY_AUDITED_SEEN, dir) &&
	    (!syn || a->acked[dir & 1] != a->first[dir & 1] - 1 || a->first[dir & 1] == s->seq))
		return true;
	if (dir && !audit_acks(a, dir, s))
		return false;
	a->first[dir & 1] = s->seq;
	a->bytes[dir & 1] = 0;
	a->acked[dir & 1] = begin;
	__sync_fetch_and_or(&a->flags, audit_flag(TPROXY_AUDITED_SEEN, dir));
	return true;
}

/* The FIN of this direction was none: its receiver has not taken it. */
static __always_inline void audit_no_fin(struct tproxy_audited *a, __u32 dir)
{
	__u32 flags = TPROXY_AUDITED_FIN | TPROXY_AUDITED_FIN_ACKED | TPROXY_AUDITED_FIN_FIRST;

	__sync_fetch_and_and(&a->flags, ~audit_flag(flags, dir));
}

/* The server has more than we have seen: nobody counted for a while, as between two attaches. */
static __always_inline void audit_missed(struct tproxy_audited *a, __u32 dir,
					 const struct audit_segment *s)
{
	__u64 bytes = a->bytes[AUDIT_UP];
	__s32 missed = (__s32)(s->ack - a->first[AUDIT_UP] - (__u32)bytes);

	if (dir && missed > AUDIT_GAP_UP_MAX)
		__sync_val_compare_and_swap(&a->bytes[AUDIT_UP], bytes, bytes + (__u32)missed);
}

/* What the sender of this segment acknowledges. */
static __always_inline void audit_ack(struct tproxy_audited *a, __u32 dir,
				      const struct audit_segment *s)
{
	__u32 other = (dir & 1) ^ 1;

	if (!(s->flags & TCP_ACK) || !audit_has(a, TPROXY_AUDITED_SEEN, other))
		return;
	audit_missed(a, dir, s);
	if (seq_after(s->ack, audit_next(a, other) + 1))
		return;
	if (seq_after(s->ack, a->acked[other]))
		a->acked[other] = s->ack;
	if (!audit_has(a, TPROXY_AUDITED_FIN, other))
		return;
	if (a->acked[other] == a->final[other])
		__sync_fetch_and_or(&a->flags, audit_flag(TPROXY_AUDITED_FIN_ACKED, other));
	else if (seq_after(a->acked[other], a->final[other]))
		audit_no_fin(a, other);
}

/* A segment far ahead may have been counted before it, which the receiver does not take. */
static __always_inline void audit_fin(struct tproxy_audited *a, __u32 dir,
				      const struct audit_segment *s)
{
	__u32 end = s->seq + s->len, flags = audit_flag(TPROXY_AUDITED_FIN, dir);

	if ((a->flags & flags) && s->len && seq_after(end + 1, a->final[dir & 1]))
		audit_no_fin(a, dir);
	if (!(s->flags & TCP_FIN) || seq_after(a->acked[dir & 1], end) ||
	    seq_after(end, audit_next(a, dir)))
		return;
	if (!(a->flags & (TPROXY_AUDITED_FIN * 3)))
		flags |= audit_flag(TPROXY_AUDITED_FIN_FIRST, dir);
	a->final[dir & 1] = end + 1;
	__sync_fetch_and_or(&a->flags, flags);
}

/* The receiver has acknowledged the FIN: there were no more bytes. */
static __always_inline void audit_trim(struct tproxy_audited *a, __u32 dir)
{
	__s32 over = (__s32)(audit_next(a, dir) + 1 - a->final[dir & 1]);

	if (over > 0 && a->bytes[dir & 1] >= (__u32)over)
		a->bytes[dir & 1] -= (__u32)over;
}

/*
 * RFC 5961 3.2: the peer takes a RST only where it waits for the next byte. We do not see what it
 * has received, but what it has acknowledged and what was sent. RFC 9293 3.10.7.3: one that
 * answers a SYN acknowledges it.
 */
static __always_inline bool audit_reset_counts(const struct tproxy_audited *a, __u32 dir,
					       const struct audit_segment *s)
{
	bool fin = a->flags & audit_flag(TPROXY_AUDITED_FIN, dir);
	__u32 other = (dir & 1) ^ 1;

	if (!audit_has(a, TPROXY_AUDITED_SEEN, dir))
		return (s->flags & TCP_ACK) && !seq_after(a->first[other], s->ack) &&
		       !seq_after(s->ack, audit_next(a, other));
	return !seq_after(a->acked[dir & 1], s->seq) &&
	       !seq_after(s->seq, audit_next(a, dir) + fin);
}

static __always_inline bool audit_is_reset(const struct tproxy_audited *a)
{
	return a->end == TPROXY_AUDIT_CLIENT_RST || a->end == TPROXY_AUDIT_SERVER_RST;
}

/*
 * The sender of a RST sends more, or still acknowledges after a quiet time: then its peer has ignored
 * the RST. So has a client whose SYN is answered after all.
 */
static __always_inline void audit_revive(struct tproxy_audited *a, __u32 dir,
					 const struct audit_segment *s)
{
	bool answer = (s->flags & TCP_SYN) && !audit_has(a, TPROXY_AUDITED_SEEN, dir);

	if (a->end != TPROXY_AUDIT_CLIENT_RST + (dir & 1) || (s->flags & TCP_RST))
		return;
	if (answer || seq_after(s->seq + s->len, a->final[dir & 1]) ||
	    bpf_ktime_get_ns() - a->last_ns > AUDIT_RESET_NS)
		a->end = TPROXY_AUDIT_NONE;
}

/* ---- a SYN within a flow ------------------------------------------------ */

/*
 * RFC 5961 4: a server ignores a SYN within an open connection. Anybody can send one. So it begins
 * another flow only when the server has answered it.
 */
static __always_inline bool audit_syn_waits(struct tproxy_audited *a, const struct audit_segment *s,
					    __u32 rule)
{
	if ((a->end && !audit_is_reset(a)) || !audit_has_both(a, TPROXY_AUDITED_SEEN) ||
	    audit_has_both(a, TPROXY_AUDITED_FIN) || s->seq == a->first[AUDIT_UP])
		return false;
	if (a->asked != s->seq)
		a->asked_rule = (__u8)rule;
	a->asked = s->seq;
	return true;
}

/* The server accepts or refuses that SYN. */
static __always_inline bool audit_syn_answered(const struct tproxy_audited *a, __u32 dir,
					       const struct audit_segment *s)
{
	return dir && a->asked && (s->flags & TCP_ACK) && (s->flags & (TCP_SYN | TCP_RST)) &&
	       s->ack - a->asked <= AUDIT_SYN_DATA_MAX;
}

/* The SYN was the first packet of this flow. */
static __always_inline void audit_begin_at(struct tproxy_audited *a, __u32 asked,
					   const struct audit_segment *answer)
{
	a->first[AUDIT_UP] = asked;
	a->acked[AUDIT_UP] = asked - 1;
	a->bytes[AUDIT_UP] = answer->ack - asked;
	a->packets[AUDIT_UP] = 1;
	__sync_fetch_and_or(&a->flags, audit_flag(TPROXY_AUDITED_SEEN, AUDIT_UP));
}

/* ---- all ---------------------------------------------------------------- */

static __always_inline void audit_segment(const struct tproxy_flow_key *key,
					  struct tproxy_audited *a, __u32 dir,
					  const struct audit_segment *s)
{
	if (s->flags & TCP_RST) {
		if (a->end || !audit_reset_counts(a, dir, s))
			return;
		a->final[dir & 1] = s->seq;
		audit_end(key, a, TPROXY_AUDIT_CLIENT_RST + (dir & 1));
		return;
	}
	if (!audit_first(a, dir, s))
		return;
	audit_data(a, dir, s);
	audit_fin(a, dir, s);
	audit_ack(a, dir, s);
	if (a->end || !audit_has_both(a, TPROXY_AUDITED_FIN_ACKED))
		return;
	audit_trim(a, AUDIT_UP);
	audit_trim(a, AUDIT_DOWN);
	audit_end(key, a, tproxy_audit_closed_by(a));
}

#endif
