/* SPDX-License-Identifier: BSD-2-Clause */
/* The frames of one start of a flow. The generator decides what the recipe does not. */
#ifndef ODDFRAMES_H
#define ODDFRAMES_H

#include "oddheaders.h"

/* ---- packets ------------------------------------------------------------ */

/* Looks like the rest of the header, and like a flow that is not new. */
static inline void put_hostile(const struct start *s, size_t until, __u8 *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = until + i - s->upper;

		at[i] = 0;
		if (until + i < s->upper || s->c.udp)
			continue;
		at[i] = k == 12 ? 0x50 : k == 13 ? ACK : k == 14 ? 0xff : 0;
	}
}

static inline size_t put_padding(struct start *s, size_t until, __u8 *at)
{
	if (s->c.pad == PAD_HOSTILE)
		put_hostile(s, until, at, s->c.pad_n);
	else if (s->c.pad == PAD_RANDOM)
		put_random(s->r, at, s->c.pad_n);
	else
		memset(at, 0, s->c.pad_n);
	return s->c.pad ? s->c.pad_n : 0;
}

static inline __u16 said_length(struct start *s, size_t n)
{
	if (s->c.length == LENGTH_ZERO)
		return 0;
	if (s->c.length == LENGTH_SHORT)
		return (__u16)(n - 1 - rng_below(s->r, 24));
	if (s->c.length == LENGTH_LONG)
		return (__u16)(n + s->c.pad_n + 1 + rng_below(s->r, 60));
	return (__u16)n;
}

static inline size_t put_link(struct start *s, __u8 *at)
{
	size_t n = 2 * ETH_ALEN;

	memcpy(at, s->ends->gate_mac, ETH_ALEN);
	memcpy(at + ETH_ALEN, s->ends->mac, ETH_ALEN);
	for (int i = 0; i < s->c.tags; i++, n += 4) {
		__u16 tci = i == s->c.tags - 1 ? s->c.vid : 0;

		put16(at + n, rng_one_in(s->r, 3) ? ETH_P_8021AD : ETH_P_8021Q);
		put16(at + n + 2,
		      (__u16)(tci | (rng_one_in(s->r, 2) ? rng_below(s->r, 16) << 12 : 0)));
	}
	put16(at + n, s->c.v6 ? ETH_P_IPV6 : ETH_P_IP);
	return n + 2;
}

static inline size_t put_v4(struct start *s, const struct piece *p, __u8 *ip)
{
	size_t header = IP4_LEN + s->head_n, n = p->n + p->extra;
	bool router = s->c.via > VIA_DONE;

	memset(ip, 0, IP4_LEN);
	ip[0] = (__u8)(0x40 | header / 4);
	put16(ip + 4, (__u16)s->id);
	put16(ip + 6, (__u16)(p->at / 8 | (p->more ? MF : 0)));
	ip[8] = s->c.ttl ? s->c.ttl : 64;
	ip[9] = s->c.udp ? IPPROTO_UDP : IPPROTO_TCP;
	memcpy(ip + 12, s->ends->src[0], 4);
	memcpy(ip + 16, router ? s->ends->gate[0] : s->ends->dst[0], 4);
	memcpy(ip + IP4_LEN, s->head, s->head_n);
	memcpy(ip + header, s->body + p->at, p->n);
	put_hostile(s, p->at + p->n, ip + header + p->n, p->extra);
	put16(ip + 2, said_length(s, header + n));
	put16(ip + 10, fold_sum(sum_words(0, ip, header)));
	return header + n;
}

static inline size_t put_fragment_header(const struct start *s, const struct piece *p, __u8 *at)
{
	at[0] = s->body_kind;
	at[1] = 0;
	put16(at + 2, (__u16)(p->at | p->more));
	put32(at + 4, s->id);
	return 8;
}

/* The last header before the fragment header names it. */
static inline size_t put_v6(struct start *s, const struct piece *p, __u8 *ip)
{
	bool fragment = s->c.cut || s->c.atomic;
	__u8 *next = s->head_n ? ip + IP6_LEN + s->head_last : ip + 6;
	size_t n = IP6_LEN;

	memset(ip, 0, IP6_LEN);
	ip[0] = 0x60;
	ip[7] = s->c.ttl ? s->c.ttl : 64;
	memcpy(ip + 8, s->ends->src[1], 16);
	memcpy(ip + 24, s->c.via == VIA_SEGMENTS ? s->ends->gate[1] : s->ends->dst[1], 16);
	memcpy(ip + n, s->head, s->head_n);
	ip[6] = s->head_kind;
	n += s->head_n;
	for (int i = 0; i < fragment + s->c.nested; i++) {
		*next = FRG;
		next = ip + n;
		n += put_fragment_header(s, p, next);
	}
	memcpy(ip + n, s->body + p->at, p->n);
	put_hostile(s, p->at + p->n, ip + n + p->n, p->extra);
	n += p->n + p->extra;
	put16(ip + 4, said_length(s, n - IP6_LEN));
	return n;
}

/* RFC 8754 4.3.1.2: the node of the last segment removes these from its packet. */
static inline size_t put_outside(const struct start *s, __u8 *ip, size_t inside)
{
	memset(ip, 0, IP6_LEN);
	ip[0] = 0x60;
	ip[6] = RT;
	ip[7] = 64;
	memcpy(ip + 8, s->ends->src[1], 16);
	memcpy(ip + 24, s->ends->gate[1], 16);
	put_segments(s, ip + IP6_LEN, 0);
	ip[IP6_LEN] = IPPROTO_IPV6;
	put16(ip + 4, (__u16)(OUTSIDE - IP6_LEN + inside));
	return OUTSIDE;
}

static inline void add_packet(struct start *s, const struct piece *p)
{
	struct frame *f = &s->frames[s->n];
	size_t n, outside = s->c.via == VIA_INSIDE ? OUTSIDE : 0, packet;
	__u8 *ip;

	if (s->n == FRAMES_MAX)
		return;
	n = put_link(s, f->data);
	ip = f->data + n + outside;
	packet = s->c.v6 ? put_v6(s, p, ip) : put_v4(s, p, ip);
	if (outside)
		put_outside(s, f->data + n, packet);
	n += outside + packet;
	f->len = n + put_padding(s, p->at + p->n + p->extra, f->data + n);
	s->n++;
}

/* ---- fragments ---------------------------------------------------------- */

static inline size_t cut_pieces(struct start *s, struct piece *pieces)
{
	size_t n = 0, at = 0;

	while (at < s->body_n) {
		struct piece *p = &pieces[n++];
		size_t want = n == 1 ? s->c.cut : 8 * (1 + rng_below(s->r, 12));

		*p = (struct piece){ .at = at, .n = want, .more = true };
		if (n == s->c.pieces || at + want >= s->body_n)
			*p = (struct piece){ .at = at, .n = s->body_n - at };
		at += p->n;
	}
	return n;
}

/* The oddities that concern the pieces themselves. */
static inline void spoil_pieces(struct start *s, struct piece *pieces, size_t n)
{
	size_t i = rng_below(s->r, (__u32)n);

	if (s->c.round && pieces[0].more)
		pieces[0].extra = 6;
	if (!s->c.overlap)
		return;
	if (pieces[i].at + pieces[i].n + 8 <= s->body_n)
		pieces[i].n += 8;
	else if (pieces[i].at >= 8) {
		pieces[i].at -= 8;
		pieces[i].n += 8;
	}
}

static inline void shuffle_pieces(struct rng *r, struct piece *pieces, size_t n)
{
	bool reverse = rng_one_in(r, 3);

	for (size_t i = 0; i < n; i++) {
		size_t k = reverse ? n - 1 - i : i + rng_below(r, (__u32)(n - i));
		struct piece p = pieces[i];

		if (reverse && k <= i)
			break;
		pieces[i] = pieces[k];
		pieces[k] = p;
	}
}

static inline void add_fragments(struct start *s)
{
	struct piece pieces[PIECES_MAX * 2];
	size_t n = cut_pieces(s, pieces), once = n;

	spoil_pieces(s, pieces, n);
	for (size_t i = 0; i < once && s->c.twice; i++)
		if (rng_one_in(s->r, 2) || n == once)
			pieces[n++] = pieces[i];
	if (s->c.order)
		shuffle_pieces(s->r, pieces, n);
	for (size_t i = 0; i < n; i++)
		add_packet(s, &pieces[i]);
}

/* ---- a start ------------------------------------------------------------ */

static inline void start_build(struct start *s, const struct ends *ends, struct rng *r,
			       __u32 number, __u16 sport)
{
	static const __u32 small = 4;

	s->ends = ends;
	s->r = r;
	s->number = number;
	s->sport = sport;
	s->body_n = s->head_n = s->n = 0;
	if (number < ODD_FIXED)
		s->c = odd_fixed[number];
	else
		recipe_random(r, &s->c);
	s->body_kind = s->c.udp ? IPPROTO_UDP : IPPROTO_TCP;
	s->head_kind = s->body_kind;
	s->id = s->c.same_id ? 1 + rng_below(r, small) : (__u32)rng_next(r);
	if (s->c.v6)
		put_chain(s);
	else
		put_options(s);
	put_upper(s);
	if (s->c.cut)
		add_fragments(s);
	else
		add_packet(s, &(struct piece){ .n = s->body_n });
}

#endif
