/* SPDX-License-Identifier: BSD-2-Clause */
/* The map of UDP flows that are older than the rules. The data path leaves them alone. */
#ifndef TPROXY_KERNEL_MAPS_OLDER_H
#define TPROXY_KERNEL_MAPS_OLDER_H

#include "kernel/state/state.h"

/* Takes effect at once. -E2BIG: the map is full. */
int older_add(const struct state *state, const struct tproxy_flow_key *key);

/* How many flows it has, without idle ones. */
size_t older_count(const struct state *state);

/* Removes idle flows, also those of which no packet comes any more. */
int older_purge(const struct state *state);

#endif
