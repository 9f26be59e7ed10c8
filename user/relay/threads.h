/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All threads of a relay, as the main thread sees them: orders for all, and what they have in common
 * when they paused. Must not know why.
 */
#ifndef TPROXY_RELAY_THREADS_H
#define TPROXY_RELAY_THREADS_H

#include "relay/thread.h"

/* The same order again only wakes them. */
void threads_order(struct relay_thread *threads, unsigned int count, enum thread_order order);

bool threads_have_paused(const struct relay_thread *threads, unsigned int count);

/* After they have paused: no flow of theirs has this id or a higher one. */
uint64_t threads_next_id(const struct relay_thread *threads, unsigned int count);

/* The same at any time, as it was a turn ago. */
uint64_t threads_latest_id(const struct relay_thread *threads, unsigned int count);

#endif
