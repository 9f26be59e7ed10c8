/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that restores the previous policy when the deadline passes without a confirmation:
 * starts it, out of reach of the terminal and of a logout.
 */
#ifndef TPROXY_LOADER_STEPS_CONFIRM_GUARD_H
#define TPROXY_LOADER_STEPS_CONFIRM_GUARD_H

#include "loader/app/session.h"

/* For the generation that is about to be published: writes the deadline. Reports its failure. */
int confirm_guard_arm(struct session *session, __u32 generation, __u64 nanoseconds);

/* Another process for the same deadline, after a migration: the first cannot read the new state. */
void confirm_guard_resume(struct session *session);

#endif
