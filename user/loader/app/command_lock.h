/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lock of a pin directory (kernel/state/lock.h) as a command holds it: signals must not
 * interrupt or stop it meanwhile. Commands that change the system hold it for all of their
 * session; others take it for what two must not do at once, such as a probe.
 */
#ifndef TPROXY_LOADER_APP_COMMAND_LOCK_H
#define TPROXY_LOADER_APP_COMMAND_LOCK_H

#include <stdbool.h>

#include "kernel/state/lock.h"
#include "loader/app/app.h"
#include "loader/app/signals.h"

struct command_lock {
	struct pindir pins; /* its parent is open while the lock is held */
	struct lock lock;
	bool held;
	bool to_the_end; /* signals that end the process stay blocked after the release */
	sigset_t before; /* signals that were blocked before */
};
#define COMMAND_LOCK_NONE                                                                          \
	(struct command_lock)                                                                      \
	{                                                                                          \
		.pins = PINDIR_CLOSED, .lock = LOCK_OPEN                                           \
	}

/* Takes it if it is free; reports nothing. */
bool command_lock_try(struct command_lock *lock, const struct app *app);
/* Waits for it. False after a reported error. */
bool command_lock_wait(struct command_lock *lock, const struct app *app);
void command_lock_release(struct command_lock *lock);

#endif
