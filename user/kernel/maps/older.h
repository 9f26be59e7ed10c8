/* SPDX-License-Identifier: BSD-2-Clause */
/* The live table of UDP flows that are older than the rules: the data path leaves these alone. */
#ifndef TPROXY_KERNEL_MAPS_OLDER_H
#define TPROXY_KERNEL_MAPS_OLDER_H

#include "kernel/state/state.h"

/* From now on; -E2BIG: the table is full. */
int older_add(const struct state *state, const struct tproxy_flow_key *key);

/* How many flows are left alone now. */
size_t older_count(const struct state *state);

/* Removes those that have been idle for too long: the data path only meets those that are not. */
int older_purge(const struct state *state);

#endif
