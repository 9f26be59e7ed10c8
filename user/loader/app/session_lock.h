/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state's lock for a command that otherwise only reads, for as long as it does something that
 * two must not do at once. Signals that would end or stop it are held back meanwhile.
 */
#ifndef TPROXY_LOADER_APP_SESSION_LOCK_H
#define TPROXY_LOADER_APP_SESSION_LOCK_H

#include <signal.h>
#include <stdbool.h>

#include "loader/app/app.h"

struct guard {
	struct pindir pins;
	struct lock lock;
	bool held;
	sigset_t before; /* signals that were held back before */
};
#define GUARD_NONE                                                                                 \
	(struct guard)                                                                             \
	{                                                                                          \
		.pins = PINDIR_CLOSED, .lock = LOCK_OPEN                                           \
	}

/* At once or not at all, without a word. */
bool guard_try(struct guard *guard, const struct app *app);
/* Waits, as commands that change something do. False after a reported error. */
bool guard_wait(struct guard *guard, const struct app *app);
void guard_release(struct guard *guard);

#endif
