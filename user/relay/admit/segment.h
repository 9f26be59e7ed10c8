/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counts of flows in memory that another process can map: a relay that takes over adds the
 * counts of the one that retires to its own. Owns the layout, which both must agree on, and trusts
 * nothing in a segment of another process. Must not know limits.
 *
 *   header: flows of all clients, and when the next one would be due
 *   slots:  the same of one client each; the hash of a client says in which group its slot is
 */
#ifndef TPROXY_RELAY_ADMIT_SEGMENT_H
#define TPROXY_RELAY_ADMIT_SEGMENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "relay/net/addr.h"

/* One writer, this process or another one; all zero: none. */
struct segment_counts {
	_Atomic uint32_t flows;
	_Atomic uint64_t arrival; /* ns of CLOCK_MONOTONIC */
};

struct segment;

/* Room for at least `clients` at a time. NULL: no memory. */
struct segment *segment_new(unsigned long clients);

/* s may be NULL. */
void segment_free(struct segment *s);

/* To pass on; -1: there is none, because the kernel had none. It stays ours. */
int segment_fd(const struct segment *s);

/* Of all clients. */
struct segment_counts *segment_total(struct segment *s);

/* Any thread. A slot for the client, who has none; all zero. NULL: there is no room. */
struct segment_counts *segment_claim(struct segment *s, const union saddr *client);
void segment_release(struct segment_counts *counts);

/* ---- those of other processes; any thread ------------------------------- */

#define ADOPTED_MAX 256

/* Mostly there is none, and nobody takes the lock. */
struct adopted {
	pthread_rwlock_t lock;
	_Atomic unsigned int count;
	struct segment *segments[ADOPTED_MAX];
};

void adopted_init(struct adopted *a);
void adopted_free(struct adopted *a);

/*
 * Takes the descriptor over. 0 or -errno, and it still belongs to the caller: it is no segment of
 * ours (-EINVAL), of another version (-EPROTO), or one too many (-E2BIG).
 */
int adopted_add(struct adopted *a, int fd, struct segment **ret_segment);
void adopted_forget(struct adopted *a, struct segment *segment);

/*
 * Flows there, of all clients or of one. *arrival becomes what is counted there if that is later,
 * but not later than `latest`.
 */
uint64_t adopted_total(struct adopted *a, _Atomic uint64_t *arrival, uint64_t latest);
uint64_t adopted_of_client(struct adopted *a, const union saddr *client, _Atomic uint64_t *arrival,
			   uint64_t latest);

#endif
