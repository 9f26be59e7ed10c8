/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A policy on probation: the time by which it has to be confirmed, pinned beside the
 * maps. It outlives whoever applied it, so that anyone can keep the promise.
 */
#ifndef TPROXY_KERNEL_MAPS_CONFIRM_DEADLINE_H
#define TPROXY_KERNEL_MAPS_CONFIRM_DEADLINE_H

#include "kernel/state/state.h"

struct confirm_deadline {
	__u32 generation; /* on probation; 0: none */
	__u32 fell_back;  /* generation that was not confirmed and has been left; 0: none */
	__u64 deadline;   /* CLOCK_BOOTTIME, ns */
};

__u64 confirm_deadline_now(void);

/* All zero without the pin. */
int confirm_deadline_read(const struct state *state, struct confirm_deadline *ret_pending);
int confirm_deadline_write(const struct state *state, const struct confirm_deadline *pending);

/* Is the live generation on probation? */
bool confirm_deadline_is_armed(const struct state *state, const struct confirm_deadline *pending);
/* Is the live generation the one that an unconfirmed one made way for? */
bool confirm_deadline_fell_back(const struct state *state, const struct confirm_deadline *pending);

#endif
