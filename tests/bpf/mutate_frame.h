/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mutations need to know of a frame: values that the data path treats specially, and where
 * headers probably are. For mutate.c only.
 */
#ifndef MUTATE_FRAME_H
#define MUTATE_FRAME_H

#include "mutate.h"

/* ---- values ------------------------------------------------------------- */

static const char *const addresses4[] = {
	"10.99.0.1",       "10.99.0.2",       "10.98.0.1",       "10.98.0.2",   "10.98.0.3",
	"10.210.0.1",      "10.210.1.5",      "10.210.1.77",     "10.210.1.78", "10.210.2.5",
	"10.210.3.5",      "10.210.4.1",      "10.210.4.77",     "10.210.4.78", "10.210.4.79",
	"10.210.4.88",     "10.210.5.1",      "10.77.1.1",       "10.77.1.255", "10.77.2.1",
	"10.77.2.9",       "172.31.0.1",      "127.0.0.1",       "0.0.0.0",     "224.0.0.251",
	"169.254.1.1",     "240.1.2.3",       "239.255.255.255", "10.210.2.9",  "10.210.3.9",
	"255.255.255.255", "223.255.255.255",
};
/* clang-format off */
static const char *const addresses6[] = {
	"fd99::1", "fd99::2", "fd98::1", "fd98::2", "fd98::3", "fd21::1", "fd21:1::5",
	"fd21:1::77", "fd21:1::78", "fd21:2::5", "fd21:2::9", "fd21:3::9", "fd21:4::1",
	"fd21:4::78", "fd21:4::88", "fd77:1::1", "fd77:2::1", "fd77:2::9", "fd31::1", "::1", "::",
	"::2", "fe80::1", "::ffff:10.77.1.1", "::ffff:10.98.0.1", "::ffff:10.98.0.2",
	"::ffff:10.210.1.5", "fec0::1", "ff02::fb", "::ffff:10.210.4.79", "::ffff:10.99.0.1",
};
/* clang-format on */
static const __u16 ports[] = {
	CLIENT_PORT, 80,   443,   53,    54,    5353,  8080,  8081,  7000, 7001, 7003, 7004, 7100,
	7101,        7102, 15002, 15010, 15020, 15022, 15024, 15025, 0,    1,    79,   81,   65535,
};
/* Protocols, option types, lengths, versions with header lengths, limits. */
static const __u8 bytes[] = {
	0,   1,   2,   3,    4,    5,    6,    7,    8,    11,   12,   14,   17,
	20,  31,  40,  43,   44,   51,   58,   60,   64,   80,   127,  128,  131,
	132, 136, 137, 0x20, 0x40, 0x44, 0x45, 0x46, 0x4f, 0x60, 0x86, 0xfe, 0xff,
};

#define PICK(r, table) ((table)[rng_below(r, sizeof(table) / sizeof((table)[0]))])

/* ---- places ------------------------------------------------------------- */

/* Offset of the IP header, after the tags. */
static inline size_t ip_at(const struct packet *p)
{
	size_t at = 2 * ETH_ALEN;

	while (at + 8 < p->len &&
	       (get16(p->data + at) == ETH_P_8021Q || get16(p->data + at) == ETH_P_8021AD))
		at += 4;
	return at + 2;
}

static inline bool is_v6(const struct packet *p)
{
	size_t at = ip_at(p);

	return p->len > at && p->data[at] >> 4 == 6;
}

/* Offset of the IP header's end: a guess. */
static inline size_t upper_at(const struct packet *p)
{
	size_t ip = ip_at(p);
	size_t at = ip + (is_v6(p) ? IP6_LEN : ip < p->len ? (size_t)(p->data[ip] & 15) * 4 : 0);

	return at < p->len ? at : p->len - 1;
}

/* A random offset, mostly within the headers. */
static inline size_t place(struct rng *r, const struct packet *p)
{
	size_t n = p->len;

	if (n > 100 && !rng_one_in(r, 4))
		n = 100;
	if (n > ETH_HLEN && !rng_one_in(r, 16))
		return ETH_HLEN + rng_below(r, (__u32)(n - ETH_HLEN));
	return rng_below(r, (__u32)n);
}

/* Inserts n bytes at `at`; false if the packet would be too long. */
static inline bool open_gap(struct packet *p, size_t at, size_t n)
{
	if (at > p->len || p->len + n > MUTATE_MAX_LEN)
		return false;
	memmove(p->data + at + n, p->data + at, p->len - at);
	p->len += n;
	return true;
}

#endif
