/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes packets at random, from a seed: bits, bytes, lengths, addresses, ports and flags, header
 * chains, halves of two packets. The result need not be valid; values that mean something to the
 * data path are preferred.
 */
#ifndef MUTATE_H
#define MUTATE_H

#include "packet.h"

struct rng {
	__u64 state;
};

static inline __u64 rng_next(struct rng *r) /* SplitMix64 */
{
	__u64 z = r->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* 0…n-1 */
static inline __u32 rng_below(struct rng *r, __u32 n)
{
	return (__u32)((rng_next(r) >> 32) * n >> 32);
}

static inline bool rng_one_in(struct rng *r, __u32 n)
{
	return rng_below(r, n) == 0;
}

/* An address that the data path may treat specially, as text. */
const char *mutate_address(struct rng *r, bool v6);
/* A port that some socket or rule has, or the neighbour of one. */
__u16 mutate_port(struct rng *r);

#define MUTATE_MAX_LEN 512 /* of the result */

/* other: pieces may be taken from it. */
void mutate_packet(struct rng *r, struct packet *p, const struct packet *other);

#endif
