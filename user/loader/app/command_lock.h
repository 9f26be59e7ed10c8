/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state's lock for a command that otherwise only reads, for as long as it does something that
 * two must not do at once. Signals that would end or stop it are held back meanwhile.
 */
#ifndef TPROXY_LOADER_APP_COMMAND_LOCK_H
#define TPROXY_LOADER_APP_COMMAND_LOCK_H

#include <signal.h>
#include <stdbool.h>

#include "loader/app/app.h"

struct command_lock {
	struct pindir pins;
	struct lock lock;
	bool held;
	sigset_t before; /* signals that were held back before */
};
#define COMMAND_LOCK_NONE                                                                          \
	(struct command_lock)                                                                      \
	{                                                                                          \
		.pins = PINDIR_CLOSED, .lock = LOCK_OPEN                                           \
	}

/* At once or not at all, without a word. */
bool command_lock_try(struct command_lock *lock, const struct app *app);
/* Waits, as commands that change something do. False after a reported error. */
bool command_lock_wait(struct command_lock *lock, const struct app *app);
void command_lock_release(struct command_lock *lock);

#endif
