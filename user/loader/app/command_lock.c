/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app/command_lock.h"

static bool take(struct command_lock *lock, const struct app *app, int ms, char *ret_why)
{
	struct lock_wait wait = { .ms = ms, .mask = &lock->before };
	int err;

	sigprocmask(SIG_SETMASK, NULL, &lock->before);
	err = pindir_open_parent(&lock->pins, app->pin_dir, ret_why);
	app_hold_signals(true);
	if (!err)
		err = lock_take(&lock->pins, &wait, &lock->lock, ret_why);
	lock->held = !err;
	if (err) {
		pindir_close(&lock->pins);
		sigprocmask(SIG_SETMASK, &lock->before, NULL);
	}
	return lock->held;
}

bool command_lock_try(struct command_lock *lock, const struct app *app)
{
	char why[PINDIR_WHY_LEN];

	return lock->held || take(lock, app, 1, why);
}

bool command_lock_wait(struct command_lock *lock, const struct app *app)
{
	char why[PINDIR_WHY_LEN];

	if (take(lock, app, app->lock_wait_ms, why))
		return true;
	log_error("%s: %s", app->pin_dir, why);
	return false;
}

void command_lock_release(struct command_lock *lock)
{
	if (!lock->held)
		return;
	lock_release(&lock->lock, &lock->pins);
	pindir_close(&lock->pins);
	sigprocmask(SIG_SETMASK, &lock->before, NULL);
	lock->held = false;
}
