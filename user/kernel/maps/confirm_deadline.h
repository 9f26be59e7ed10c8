/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time by which an applied policy has to be confirmed, pinned beside the maps. It outlives
 * the process that applied the policy, so that any later one can go back in its place.
 */
#ifndef TPROXY_KERNEL_MAPS_CONFIRM_DEADLINE_H
#define TPROXY_KERNEL_MAPS_CONFIRM_DEADLINE_H

#include "kernel/state/state.h"

/* As it is pinned. */
struct confirm_deadline {
	__u32 generation; /* that has to be confirmed; 0: none */
	__u32 fell_back;  /* generation that was rolled back, as it was not confirmed; 0: none */
	__u64 until;      /* CLOCK_BOOTTIME, ns */
};

__u64 confirm_deadline_now(void);
/* Seconds until then, rounded up; 0 after it. */
__u64 confirm_deadline_seconds_left(const struct confirm_deadline *deadline);

/* All zero without the pin. 0 or -errno. */
int confirm_deadline_read(const struct state *state, struct confirm_deadline *ret_deadline);
int confirm_deadline_write(const struct state *state, const struct confirm_deadline *deadline);

/* Must the live generation be confirmed? */
bool confirm_deadline_is_armed(const struct state *state, const struct confirm_deadline *deadline);
/* Reads it and asks the same; false also where it cannot be read. */
bool confirm_deadline_read_armed(const struct state *state, struct confirm_deadline *ret_deadline);
/* Is the live generation the previous one again because its successor was not confirmed? */
bool confirm_deadline_fell_back(const struct state *state, const struct confirm_deadline *deadline);

#endif
