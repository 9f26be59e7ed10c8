/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app/command_lock.h"

#include <string.h>

/* While it waits for the lock, a command may still be interrupted. */
static int take(struct command_lock *lock, const struct app *app, struct lock_wait *wait,
		char *ret_why)
{
	int err = pindir_open_parent(&lock->pins, app->pin_dir, ret_why);

	if (err)
		return err;
	signals_hold(&lock->before);
	wait->mask = &lock->before;
	err = lock_take(&lock->pins, wait, &lock->lock, ret_why);
	lock->held = !err;
	if (err)
		signals_restore(&lock->before);
	return err;
}

bool command_lock_try(struct command_lock *lock, const struct app *app)
{
	struct lock_wait wait = { .ms = 1 };
	char why[PINDIR_WHY_LEN];

	if (lock->held)
		return true;
	if (take(lock, app, &wait, why))
		pindir_close(&lock->pins);
	return lock->held;
}

/* One process may take the lock many times: each remark is reported once. */
static void report_remark(const struct app *app, const char *remark)
{
	static char reported[PINDIR_WHY_LEN];

	if (*remark && strcmp(remark, reported))
		log_warn("%s: %s", app->pin_dir, remark);
	snprintf(reported, sizeof(reported), "%s", remark);
}

bool command_lock_wait(struct command_lock *lock, const struct app *app)
{
	struct lock_wait wait = { .ms = app->lock_wait_ms };
	char why[PINDIR_WHY_LEN];

	if (!take(lock, app, &wait, why)) {
		report_remark(app, wait.remark);
		return true;
	}
	/* An error on the path to the directory names it already. */
	if (lock->pins.parent >= 0)
		log_error("%s: %s", app->pin_dir, why);
	else
		log_error("%s", why);
	pindir_close(&lock->pins);
	return false;
}

void command_lock_release(struct command_lock *lock)
{
	if (!lock->held)
		return;
	lock_release(&lock->lock, &lock->pins);
	pindir_close(&lock->pins);
	lock->held = false;
	if (lock->to_the_end)
		signals_restore_stops(&lock->before);
	else
		signals_restore(&lock->before);
}
