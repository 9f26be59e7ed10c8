/* SPDX-License-Identifier: BSD-2-Clause */
/* The headers and the payload of one start of a flow, before they become packets. */
#ifndef ODDHEADERS_H
#define ODDHEADERS_H

#include "oddrecipe.h"

#define FRAME_MAX 1800
#define OUTSIDE (IP6_LEN + 40) /* an IPv6 header and two segments */
#define FRAMES_MAX 24
#define PIECES_MAX 8

struct frame {
	__u8 data[FRAME_MAX];
	size_t len;
};

/* Source, destination, and the gate between them. */
struct ends {
	__u8 mac[ETH_ALEN], gate_mac[ETH_ALEN];
	__u8 src[2][16], dst[2][16], gate[2][16]; /* IPv4, IPv6 */
	__u16 port, closed, udp_port;
};

struct start {
	const struct ends *ends;
	struct recipe c;
	struct rng *r;
	__u32 number;
	__u16 sport;
	__u8 body[1600];          /* in each datagram: inner extension headers, upper layer */
	size_t body_n, upper;     /* where the latter begins */
	__u8 body_kind;           /* protocol or first extension header of the body */
	__u8 head[800];           /* options, or extension headers in front of each fragment's */
	size_t head_n, head_last; /* where the last of the headers begins */
	__u8 head_kind;           /* first extension header, or that of the body */
	__u32 id;
	struct frame frames[FRAMES_MAX];
	size_t n;
};

struct piece {
	size_t at, n;
	bool more;
	__u8 extra; /* bytes past a multiple of 8 */
};

static inline void put32(__u8 *at, __u32 value)
{
	put16(at, (__u16)(value >> 16));
	put16(at + 2, (__u16)value);
}

static inline void put_random(struct rng *r, __u8 *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (__u8)rng_next(r);
}

/* ---- upper layer -------------------------------------------------------- */

static const struct bytes odd_tcp_options[] = {
	BYTES(2, 4, 5, 0xb4),
	BYTES(2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7),
	BYTES(2, 0, 5, 0xb4), /* a length that ends the reading */
	BYTES(253, 6, 0x12, 0x34, 0, 0, 1, 1),
	BYTES(34, 2, 1, 1), /* asks for a fast open cookie */
	BYTES(1, 1, 1, 1, 1, 1, 1, 0),
};

static inline size_t put_tcp(struct start *s, __u8 *tcp)
{
	static const struct bytes none = { NULL, 0 };
	const struct recipe *c = &s->c;
	const struct bytes *options = c->tcp_options ? &odd_tcp_options[c->tcp_options - 1] : &none;
	size_t header = TCP_LEN + options->n;

	put16(tcp, s->sport);
	put16(tcp + 2, c->closed ? s->ends->closed : s->ends->port);
	put32(tcp + 4, 0x10000000 + s->number);
	put32(tcp + 8, 0);
	tcp[12] = (__u8)((c->doff ? c->doff : header / 4) << 4);
	if (c->flags && rng_one_in(s->r, 2))
		tcp[12] |= (__u8)rng_below(s->r, 16); /* reserved */
	tcp[13] = SYN | c->flags;
	put16(tcp + 14, 64240);
	put32(tcp + 16, 0);
	if (options->n)
		memcpy(tcp + TCP_LEN, options->at, options->n);
	put_random(s->r, tcp + header, c->data);
	return header + c->data;
}

/* udp_rcv cuts off what comes after the length, if the length makes sense. */
static inline size_t put_udp(struct start *s, __u8 *udp, size_t *ret_summed)
{
	size_t n = UDP_LEN + 8 + s->c.data, says = n;

	put16(udp, s->sport);
	put16(udp + 2, s->ends->udp_port);
	if (s->c.udp_length == LENGTH_ZERO)
		says = 0;
	else if (s->c.udp_length == LENGTH_SHORT)
		says -= 1 + rng_below(s->r, 8);
	else if (s->c.udp_length == LENGTH_LONG)
		says += 1 + rng_below(s->r, 8);
	put16(udp + 4, (__u16)says);
	put16(udp + 6, 0);
	put32(udp + UDP_LEN, s->number);
	put_random(s->r, udp + UDP_LEN + 4, 4u + s->c.data);
	*ret_summed = says && says < n ? says : n;
	return n;
}

static inline void put_upper(struct start *s)
{
	__u8 proto = s->c.udp ? IPPROTO_UDP : IPPROTO_TCP, *at = s->body + s->body_n;
	size_t alen = s->c.v6 ? 16 : 4, n, summed;
	__u8 addrs[32];

	memcpy(addrs, s->ends->src[s->c.v6], alen);
	memcpy(addrs + alen, s->ends->dst[s->c.v6], alen);
	s->upper = s->body_n;
	if (s->c.udp) {
		n = put_udp(s, at, &summed);
		if (!s->c.no_sum)
			put16(at + 6, l4_sum(addrs, alen, proto, at, summed));
	} else {
		n = put_tcp(s, at);
		put16(at + 16, l4_sum(addrs, alen, proto, at, n));
	}
	s->body_n += n;
}

/* ---- IPv4 options ------------------------------------------------------- */

static inline void add_head(struct start *s, const void *bytes, size_t n)
{
	memcpy(s->head + s->head_n, bytes, n);
	s->head_n += n;
}

static inline void put_options(struct start *s)
{
	static const __u8 options[][8] = {
		{ 1, 1, 1, 1, 1, 1, 1, 1 },   { 7, 7, 4, 0, 0, 0, 0, 1 },
		{ 148, 4, 0, 0, 1, 1, 1, 1 }, { 68, 8, 5, 0, 0, 0, 0, 0 },
		{ 130, 8, 0, 0, 0, 0, 0, 0 }, { 0x9e, 8, 1, 2, 3, 4, 5, 6 },
		{ 1, 1, 1, 7, 4, 5, 1, 1 },   { 0, 131, 7, 4, 1, 1, 1, 1 },
	};
	__u8 route[8] = { s->c.via == VIA_STRICT ? 137 : 131, 7, 4, [7] = 0 };
	bool done = s->c.via == VIA_DONE;

	if (s->c.via) {
		memcpy(route + 3, s->ends->dst[0], 4);
		route[2] = done ? 8 : 4;
		add_head(s, route, sizeof(route));
	}
	for (int i = 0; i < s->c.chain / 2 + 1 && s->c.chain && s->head_n < 32; i++)
		add_head(s, options[rng_below(s->r, 8)], 8);
}

/* ---- IPv6 extension headers --------------------------------------------- */

/* RFC 8754 2. The list is in reverse, and ends with the one that is under way. */
static inline size_t put_segments(const struct start *s, __u8 *at, __u8 left)
{
	memset(at, 0, 8);
	at[1] = 4;
	at[2] = 4;
	at[3] = left;
	at[4] = 1;
	memcpy(at + 8, s->ends->dst[1], 16);
	memcpy(at + 24, s->ends->gate[1], 16);
	return 40;
}

/* Types that Linux skips when nothing is left, or refuses. */
static inline size_t put_routing(struct start *s, __u8 *at)
{
	static const __u8 types[] = { 0, 0, 2, 253 };

	if (rng_one_in(s->r, 3))
		return put_segments(s, at, 0);
	memset(at, 0, 24);
	at[1] = rng_one_in(s->r, 2) ? 2 : 0;
	at[2] = types[rng_below(s->r, sizeof(types))];
	at[3] = rng_one_in(s->r, 4);
	memcpy(at + 8, s->ends->dst[1], 16);
	return (at[1] + 1u) * 8;
}

static inline size_t put_padn(struct start *s, __u8 *at)
{
	static const __u8 options[][6] = {
		{ 1, 4, 0, 0, 0, 0 },
		{ 0, 1, 3, 0, 0, 0 },
		{ 0x1e, 4, 1, 2, 3, 4 },
		{ 5, 2, 0, 0, 1, 0 },
	};
	__u8 units = rng_one_in(s->r, 4) ? 1 + rng_below(s->r, 2) : 0;

	at[1] = units;
	memcpy(at + 2, options[rng_below(s->r, 3)], 6);
	for (int i = 0; i < units; i++)
		memcpy(at + 8 + 8 * i, "\x1e\6\1\2\3\4\5\6", 8);
	return (units + 1u) * 8;
}

static inline size_t put_auth(struct start *s, __u8 *at)
{
	memset(at, 0, 24);
	at[1] = 4;
	put32(at + 4, 1);
	return 24;
}

/* Writes the header of `kind`; *next is where that number belongs. Returns its bytes. */
static inline size_t put_header(struct start *s, __u8 *at, __u8 *next, __u8 kind)
{
	*next = kind;
	if (kind == RT)
		return put_routing(s, at);
	return kind == AUTH ? put_auth(s, at) : put_padn(s, at);
}

static inline __u8 header_kind(struct start *s, int i, int routing_at)
{
	if (i == 0 && s->c.hop)
		return HOP;
	if (i == routing_at && s->c.routing)
		return RT;
	return rng_one_in(s->r, 40) ? AUTH : DST;
}

static inline void put_chain(struct start *s)
{
	int outer = s->c.inner ? s->c.chain / 2 : s->c.chain, i = 0, via_at = -1;
	int routing_at = (int)rng_below(s->r, s->c.chain ? s->c.chain : 1);
	__u8 *next = &s->head_kind;

	if (s->c.via == VIA_SEGMENTS)
		via_at = s->c.via_first ? s->c.hop && outer : outer;
	for (int n = 0; n < outer + (via_at >= 0); n++) {
		__u8 *at = s->head + s->head_n;

		s->head_last = s->head_n;
		if (n == via_at) {
			*next = RT;
			s->head_n += put_segments(s, at, 1);
		} else {
			s->head_n += put_header(s, at, next, header_kind(s, i++, routing_at));
		}
		next = at;
	}
	if (s->c.inner)
		next = &s->body_kind;
	for (; i < s->c.chain; i++) {
		__u8 *at = s->body + s->body_n;

		s->body_n += put_header(s, at, next, header_kind(s, i, routing_at));
		next = at;
	}
	*next = s->c.udp ? IPPROTO_UDP : IPPROTO_TCP;
}

#endif
