/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app/signals.h"

#include <sys/signalfd.h>

#include "lib/util.h"

static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
static const int stops[] = { SIGTSTP, SIGTTIN, SIGTTOU };

static void add_ends(sigset_t *set)
{
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigaddset(set, ends[i]);
}

void signals_hold(sigset_t *ret_before)
{
	sigset_t set;

	sigemptyset(&set);
	add_ends(&set);
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++)
		sigaddset(&set, stops[i]);
	sigprocmask(SIG_BLOCK, &set, ret_before);
	signal(SIGPIPE, SIG_IGN);
}

void signals_restore(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}

void signals_restore_stops(const sigset_t *before)
{
	sigset_t set = *before;

	add_ends(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

void signals_hold_ends(void)
{
	sigset_t set;

	sigemptyset(&set);
	add_ends(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void signals_release_ends(void)
{
	sigset_t set;

	sigemptyset(&set);
	add_ends(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int signals_take_ends(void)
{
	sigset_t set;

	signals_hold_ends();
	sigemptyset(&set);
	add_ends(&set);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
