/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutations. Each takes the packet as bytes; offsets of headers are a guess. */
#include "mutate_frame.h"

#define MIN_LEN ETH_HLEN /* less cannot be run */

const char *mutate_address(struct rng *r, bool v6)
{
	return v6 ? PICK(r, addresses6) : PICK(r, addresses4);
}

__u16 mutate_port(struct rng *r)
{
	return PICK(r, ports);
}

/* ---- bytes -------------------------------------------------------------- */

static void flip_bit(struct rng *r, struct packet *p, const struct packet *other)
{
	p->data[place(r, p)] ^= (__u8)(1 << rng_below(r, 8));
}

static void set_byte(struct rng *r, struct packet *p, const struct packet *other)
{
	p->data[place(r, p)] = rng_one_in(r, 2) ? PICK(r, bytes) : (__u8)rng_next(r);
}

static void swap_bytes(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t a = place(r, p), b = place(r, p);
	__u8 was = p->data[a];

	p->data[a] = p->data[b];
	p->data[b] = was;
}

static void copy_bytes(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t at = place(r, other), n = 1 + rng_below(r, 24);

	for (size_t i = at; i < at + n && i < other->len && i < p->len; i++)
		p->data[i] = other->data[i];
}

/* ---- lengths ------------------------------------------------------------ */

static void cut(struct rng *r, struct packet *p, const struct packet *other)
{
	p->len = MIN_LEN + rng_below(r, (__u32)(p->len - MIN_LEN + 1));
}

/* Cuts a few bytes, so that a header just fits or just does not. */
static void trim(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t n = 1 + rng_below(r, 12);

	if (p->len >= MIN_LEN + n)
		p->len -= n;
}

static void extend(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t n = 1 + rng_below(r, 40);

	if (p->len + n > MUTATE_MAX_LEN)
		return;
	memset(p->data + p->len, 0, n);
	p->len += n;
}

static void delete_bytes(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t at = place(r, p), n = 1 + rng_below(r, 16);

	if (at < MIN_LEN || at + n > p->len)
		return;
	memmove(p->data + at, p->data + at + n, p->len - at - n);
	p->len -= n;
}

static void insert_bytes(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t at = place(r, p), n = 1 + rng_below(r, 16);

	if (!open_gap(p, at, n))
		return;
	for (size_t i = at; i < at + n; i++)
		p->data[i] = rng_one_in(r, 2) ? PICK(r, bytes) : (__u8)rng_next(r);
}

/* ---- fields ------------------------------------------------------------- */

static void set_address(struct rng *r, struct packet *p, const struct packet *other)
{
	bool v6 = is_v6(p), dst = rng_one_in(r, 2);
	size_t at = ip_at(p) + (v6 ? (dst ? 24 : 8) : (dst ? 16 : 12));

	if (at + (v6 ? 16 : 4) <= p->len)
		inet_pton(v6 ? AF_INET6 : AF_INET, mutate_address(r, v6), p->data + at);
}

/* Source 0.0.0.0:0, which an unconnected socket has as its peer. */
static void clear_source(struct rng *r, struct packet *p, const struct packet *other)
{
	bool v6 = is_v6(p);
	size_t at = upper_at(p);

	if (at + 2 > p->len || p->len < ip_at(p) + IP6_LEN)
		return;
	memset(p->data + ip_at(p) + (v6 ? 8 : 12), 0, v6 ? 16 : 4);
	put16(p->data + at, 0);
}

static void set_port(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t at = upper_at(p) + (rng_one_in(r, 3) ? 0 : 2);

	if (at + 2 <= p->len)
		put16(p->data + at, mutate_port(r));
}

static void set_flags(struct rng *r, struct packet *p, const struct packet *other)
{
	static const __u8 common[] = {
		SYN, ACK, SYN | ACK, FIN | ACK, RST, RST | ACK, SYN | FIN, 0
	};
	size_t at = upper_at(p) + 13;

	if (at < p->len)
		p->data[at] = rng_one_in(r, 4) ? (__u8)rng_next(r) : PICK(r, common);
}

static void swap_fields(struct packet *p, size_t a, size_t b, size_t n)
{
	__u8 was[16];

	if (a + n > p->len || b + n > p->len)
		return;
	memcpy(was, p->data + a, n);
	memcpy(p->data + a, p->data + b, n);
	memcpy(p->data + b, was, n);
}

/* Makes a SYN-ACK of it: ends swapped. */
static void answer(struct rng *r, struct packet *p, const struct packet *other)
{
	bool v6 = is_v6(p);
	size_t ip = ip_at(p), upper = upper_at(p);

	swap_fields(p, ip + (v6 ? 8 : 12), ip + (v6 ? 24 : 16), v6 ? 16 : 4);
	swap_fields(p, upper, upper + 2, 2);
	if (upper + 13 < p->len)
		p->data[upper + 13] = SYN | ACK;
}

static void set_protocol(struct rng *r, struct packet *p, const struct packet *other)
{
	static const __u8 protocols[] = { 6, 17, 1, 58, 0, 43, 44, 51, 59, 60, 132 };
	size_t at = ip_at(p) + (is_v6(p) ? 6 : 9);

	if (at < p->len)
		p->data[at] = PICK(r, protocols);
}

/* IPv4: the flags, the offset and the identification. */
static void set_fragment(struct rng *r, struct packet *p, const struct packet *other)
{
	static const __u16 fields[] = { 0, DF, MF, 1, 2, MF | 1, MF | 2, MF | DF, 0x1fff, 0x8000 };

	__u8 *ip = p->data + ip_at(p);

	if (is_v6(p) || p->len < ip_at(p) + IP4_LEN)
		return;
	put16(ip + 6, PICK(r, fields));
	put16(ip + 4, (__u16)(7 + rng_below(r, 4)));
}

static void set_link(struct rng *r, struct packet *p, const struct packet *other)
{
	static const __u16 types[] = { ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, ETH_P_8021Q, 0x100 };
	static const __u8 mac_out[ETH_ALEN] = { 2, 0, 0, 0, 0, 2 };

	switch (rng_below(r, 3)) {
	case 0:
		put16(p->data + 2 * ETH_ALEN, PICK(r, types));
		break;
	case 1:
		p->data[rng_below(r, ETH_ALEN)] ^= (__u8)(1 << rng_below(r, 8));
		break;
	default:
		memcpy(p->data, mac_out, ETH_ALEN);
	}
}

static void set_ttl(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t at = ip_at(p) + (is_v6(p) ? 7 : 8);

	if (at < p->len)
		p->data[at] = (__u8)rng_below(r, 4);
}

static void toggle_df(struct rng *r, struct packet *p, const struct packet *other)
{
	if (!is_v6(p) && ip_at(p) + IP4_LEN <= p->len)
		p->data[ip_at(p) + 6] ^= 0x40;
}

/* Adds priority tags; now and then a VLAN's. */
static void add_tag(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t at = 2 * ETH_ALEN, n = 1 + rng_below(r, rng_one_in(r, 8) ? 10 : 2);

	if (!open_gap(p, at, 4 * n))
		return;
	for (; n; n--, at += 4) {
		put16(p->data + at, rng_one_in(r, 3) ? ETH_P_8021AD : ETH_P_8021Q);
		put16(p->data + at + 2, (__u16)(rng_below(r, 16) << 12));
		p->data[at + 3] = rng_one_in(r, 16);
	}
}

/* ---- declared lengths --------------------------------------------------- */

static size_t length_at(const struct packet *p)
{
	return ip_at(p) + (is_v6(p) ? 4 : 2);
}

static void lengthen(struct packet *p, size_t n)
{
	size_t at = length_at(p);

	if (at + 2 <= p->len)
		put16(p->data + at, (__u16)(get16(p->data + at) + n));
}

/* Declares what is there, so that a packet that was cut or extended is valid again. */
static void mend_length(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t at = length_at(p), ip = ip_at(p) + (is_v6(p) ? IP6_LEN : 0);

	if (at + 2 <= p->len && ip <= p->len)
		put16(p->data + at, (__u16)(p->len - ip));
}

/* Declares a few bytes more or less, just the headers, 0, or anything. */
static void set_length(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t at = length_at(p);
	__u16 length;

	if (at + 2 > p->len)
		return;
	length = get16(p->data + at);
	switch (rng_below(r, 4)) {
	case 0:
		length = 0;
		break;
	case 1:
		length = (__u16)(length - 12 + rng_below(r, 25));
		break;
	case 2:
		length = (__u16)((is_v6(p) ? 0 : 20) + rng_below(r, 24));
		break;
	default:
		length = (__u16)rng_next(r);
	}
	put16(p->data + at, length);
}

/* Adds bytes after the declared end. */
static void pad(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t n = 1 + rng_below(r, 40);

	if (p->len + n > MUTATE_MAX_LEN)
		return;
	for (size_t i = 0; i < n; i++)
		p->data[p->len + i] = rng_one_in(r, 2) ? PICK(r, bytes) : (__u8)rng_next(r);
	p->len += n;
}

/* ---- TCP options -------------------------------------------------------- */

/* Inserts options before the others, and lengthens the header. */
static void grow_tcp(struct rng *r, struct packet *p, const struct packet *other)
{
	static const __u8 options[][4] = {
		{ 2, 4, 5, 0xb4 }, { 1, 1, 1, 1 },   { 19, 4, 0, 0 },   { 29, 4, 1, 1 },
		{ 29, 3, 0, 1 },   { 19, 18, 0, 0 }, { 1, 1, 19, 2 },   { 0, 19, 3, 1 },
		{ 29, 0, 0, 0 },   { 1, 1, 1, 29 },  { 253, 4, 19, 3 }, { 1, 253, 1, 1 },
	};
	static const __u8 signature[20] = { 19, 18, [18] = 1, [19] = 1 }; /* RFC 2385, NOPs */
	bool sign = rng_one_in(r, 4);
	size_t at = upper_at(p), n = sign ? sizeof(signature) : 4;

	if (at + 20 > p->len || (p->data[at + 12] >> 4) + n / 4 > 15 || !open_gap(p, at + 20, n))
		return;
	memcpy(p->data + at + 20, sign ? signature : PICK(r, options), n);
	p->data[at + 12] += (__u8)(n / 4 << 4);
	lengthen(p, n);
}

/* ---- chains ------------------------------------------------------------- */

/* Inserts an extension header before the chain, or after its first one. */
static void add_extension(struct rng *r, struct packet *p)
{
	static const __u8 kinds[] = { 0, 60, 43, 44, 51 };
	size_t ip = ip_at(p), next = ip + 6, at = ip + IP6_LEN;
	__u8 kind = PICK(r, kinds), units = (__u8)rng_below(r, 3);
	size_t n = kind == 44 ? 8 : kind == 51 ? (units + 2u) * 4 : (units + 1u) * 8;

	if (p->len > at + 8 && p->data[next] != IPPROTO_TCP && rng_one_in(r, 2)) {
		next = at;
		at += 8;
	}
	if (!open_gap(p, at, n))
		return;
	lengthen(p, n);
	memset(p->data + at, 0, n);
	p->data[at] = p->data[next];
	p->data[next] = kind;
	if (kind == 44) {
		put16(p->data + at + 2, (__u16)((rng_one_in(r, 2) ? 0 : 8) | rng_below(r, 2)));
		p->data[at + 7] = (__u8)(7 + rng_below(r, 3));
	} else {
		p->data[at + 1] = units;
		p->data[at + 3] = rng_one_in(r, 4);
	}
}

/* Inserts four bytes of options before the others. */
static void add_option(struct rng *r, struct packet *p)
{
	static const __u8 options[][4] = {
		{ 1, 1, 1, 1 },   { 0, 0, 0, 0 },   { 148, 4, 0, 0 }, { 7, 3, 4, 1 },
		{ 131, 3, 4, 0 }, { 1, 137, 3, 4 }, { 7, 8, 4, 0 },   { 1, 1, 1, 0 },
		{ 68, 4, 5, 0 },  { 131, 0, 0, 0 }, { 7, 1, 0, 0 },   { 1, 1, 1, 131 },
		{ 1, 1, 1, 7 },   { 7, 0, 0, 0 },
	};
	size_t at = ip_at(p);
	__u8 *ip = p->data + at;

	if (at >= p->len || (ip[0] & 15) == 15 || !open_gap(p, at + IP4_LEN, 4))
		return;
	memcpy(ip + IP4_LEN, PICK(r, options), 4);
	ip[0]++;
	lengthen(p, 4);
}

static void grow_chain(struct rng *r, struct packet *p, const struct packet *other)
{
	if (is_v6(p))
		add_extension(r, p);
	else
		add_option(r, p);
}

/* The IP header of one packet and the rest of another. */
static void splice(struct rng *r, struct packet *p, const struct packet *other)
{
	size_t at = upper_at(p), from = upper_at(other), n = other->len - from;

	if (at + n > MUTATE_MAX_LEN)
		n = MUTATE_MAX_LEN - at;
	memcpy(p->data + at, other->data + from, n);
	p->len = at + n;
}

typedef void (*mutation)(struct rng *r, struct packet *p, const struct packet *other);

/* Mutations that keep a packet meaningful are in the list several times. */
static const mutation mutations[] = {
	flip_bit,     set_byte,     swap_bytes,  copy_bytes,   cut,          trim,     extend,
	delete_bytes, insert_bytes, set_address, set_address,  set_address,  set_port, set_port,
	set_port,     set_flags,    set_flags,   set_protocol, set_fragment, set_link, clear_source,
	grow_chain,   grow_chain,   splice,      set_ttl,      toggle_df,    add_tag,  set_length,
	set_length,   mend_length,  mend_length, pad,          grow_tcp,     grow_tcp, answer,
};

/* A fifth of the packets is left unchanged; half of the rest changes once. */
void mutate_packet(struct rng *r, struct packet *p, const struct packet *other)
{
	if (rng_one_in(r, 5))
		return;
	do
		PICK(r, mutations)(r, p, other);
	while (rng_one_in(r, 2));
}
