/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for a lock of flock(2) that other processes hold, one after the other: how long, and for
 * which process. Knows no lock file; that is lock.h.
 */
#ifndef TPROXY_KERNEL_STATE_WAITING_H
#define TPROXY_KERNEL_STATE_WAITING_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/holder.h"
#include "lib/pindir.h"

#define LOCK_WAIT_MS 5000

/* How to wait; and what else the user should know. */
struct lock_wait {
	int ms;                      /* for each holder; 0: LOCK_WAIT_MS, -1: for ever */
	const sigset_t *mask;        /* signals that are blocked while it waits; NULL: no change */
	char remark[PINDIR_WHY_LEN]; /* "" or a sentence, although the lock was taken */
};

struct waiting {
	const struct lock_wait *how;
	bool is_signed;        /* the holder sets the time of the file when it takes the lock */
	struct holder holder;  /* as seen last */
	struct timespec since; /* that time */
	uint64_t until, end;   /* for this holder, and for all; monotonic_ms() */
	long pause_ms;
};

/* 0: taken, -EAGAIN: a process holds it, or another -errno. */
int waiting_try(int fd);
/* Takes it, or waits until waiting_is_over: -ETIMEDOUT. */
int waiting_for(struct waiting *w, int fd);

/*
 * The parts of waiting_for: finds the process that holds it, and restarts the time if it is another
 * one; is the time over; sleeps for a moment.
 */
void waiting_update(struct waiting *w, int fd);
bool waiting_is_over(const struct waiting *w);
void waiting_pause(struct waiting *w);

/* "process N (NAME) holds the lock since TIME" into buf. */
void waiting_holder(const struct waiting *w, char *buf, size_t size);
/* The same with what to do, for the user; ret_why as in pindir.h. Returns -ETIMEDOUT. */
int waiting_explain(const struct waiting *w, char *ret_why);

#endif
