/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TTL, TOS and DF of a datagram: read from the socket that it came to, set on the one that it
 * leaves by. Owns no socket; must not decide what is carried over.
 */
#ifndef TPROXY_RELAY_NET_IPFIELDS_H
#define TPROXY_RELAY_NET_IPFIELDS_H

#include <stdatomic.h>

#include "relay/net/addr.h"

enum df {
	DF_UNKNOWN,   /* IPv4, and the data path did not see it */
	DF_ALLOWED,   /* may be fragmented */
	DF_FORBIDDEN, /* "don't fragment", or IPv6: routers never do */
};

struct ip_fields {
	uint8_t ttl; /* or hop limit; 0: not known, send with the system's default */
	uint8_t tos; /* or traffic class: DSCP and ECN */
	uint8_t df;  /* enum df */
};

static inline bool ip_fields_equal(const struct ip_fields *a, const struct ip_fields *b)
{
	return a->ttl == b->ttl && a->tos == b->tos && a->df == b->df;
}

/*
 * Two packet marks of the data path: the one of packets that it kept here (upper half), and the one
 * of those among them that forbid fragments (lower half). 0: not known yet.
 */
typedef _Atomic uint64_t kept_marks;

static inline uint64_t kept_marks_of(uint32_t mark, uint32_t df_mark)
{
	return (uint64_t)mark << 32 | df_mark;
}

/* The data path kept a packet with this mark here. */
static inline bool kept_here(uint64_t marks, uint32_t mark)
{
	uint32_t kept = (uint32_t)(marks >> 32);

	return kept && (mark & kept) == kept;
}

/* What was read from the control messages of one datagram; all zero before the first one. */
struct ip_fields_reading {
	int ttl; /* as in the header; less than 1 counts as 1 */
	bool has_ttl;
	uint8_t tos;
	uint32_t mark;
	bool fragmented;
};

/* Asks the kernel for control messages. Best effort: without them the fields are not known. */
void ip_fields_request(int fd, sa_family_t family);

void ip_fields_read(struct ip_fields_reading *r, const struct cmsghdr *c);

/* marks: as in kept_marks. Pure. */
struct ip_fields ip_fields_result(const struct ip_fields_reading *r, sa_family_t family,
				  uint64_t marks);

/*
 * Sets the fields of all that the socket sends. now: those that it has, all zero at first; updated
 * here. Only a difference costs a system call.
 */
void ip_fields_set(int fd, sa_family_t family, struct ip_fields *now, const struct ip_fields *want);

/* DF only; the other fields are given with each datagram. */
void ip_fields_set_df(int fd, sa_family_t family, uint8_t *now, uint8_t want);

#endif
