/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app/session_lock.h"

static bool take(struct guard *guard, const struct app *app, int ms, char *ret_why)
{
	struct lock_wait wait = { .ms = ms, .mask = &guard->before };
	int err;

	sigprocmask(SIG_SETMASK, NULL, &guard->before);
	err = pindir_open_parent(&guard->pins, app->pin_dir, ret_why);
	app_hold_signals(true);
	if (!err)
		err = lock_take(&guard->pins, &wait, &guard->lock, ret_why);
	guard->held = !err;
	if (err) {
		pindir_close(&guard->pins);
		sigprocmask(SIG_SETMASK, &guard->before, NULL);
	}
	return guard->held;
}

bool guard_try(struct guard *guard, const struct app *app)
{
	char why[PINDIR_WHY_LEN];

	return guard->held || take(guard, app, 1, why);
}

bool guard_wait(struct guard *guard, const struct app *app)
{
	char why[PINDIR_WHY_LEN];

	if (take(guard, app, app->lock_wait_ms, why))
		return true;
	log_error("%s: %s", app->pin_dir, why);
	return false;
}

void guard_release(struct guard *guard)
{
	if (!guard->held)
		return;
	lock_release(&guard->lock, &guard->pins);
	pindir_close(&guard->pins);
	sigprocmask(SIG_SETMASK, &guard->before, NULL);
	guard->held = false;
}
