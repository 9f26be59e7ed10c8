/* SPDX-License-Identifier: BSD-2-Clause */
/* The timed way back from an applied policy: arming it, keeping it, ending it. */
#ifndef TPROXY_LOADER_STEPS_CONFIRM_GUARD_H
#define TPROXY_LOADER_STEPS_CONFIRM_GUARD_H

#include "kernel/maps/confirm_deadline.h"
#include "loader/app/app.h"

/*
 * For the generation that is about to be published: a process of its own, out of
 * reach of the terminal, goes back at the deadline. Reports its failure.
 */
int confirm_guard_arm(struct session *session, __u32 generation, __u64 nanoseconds);
/* Whatever was armed counts no more. Reports its failure. */
int confirm_guard_end(struct session *session, __u32 fell_back);

/*
 * Goes back if the deadline has passed and nobody did: the process may have been
 * killed. Part of opening a state for writing, so watch keeps the promise too. A
 * failure is reported; it must not keep the next command from its work.
 */
void confirm_guard_settle(struct session *session);

/* Another process to go back at the deadline: the one that waited can no longer read the state. */
void confirm_guard_resume(struct session *session);

/* -EBUSY, reported, while a policy waits to be confirmed: its way back must stay. */
int confirm_guard_refuse(struct session *session, const char *command);

#endif
