/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lets one loader at a time change a pin directory. The lock is a file in /run/tproxy, which only
 * root can open: on a bpffs every user who can open a directory can hold its lock. Older builds
 * lock the parent of the pin directory, so that lock is taken as well, unless only other users hold
 * it. A lock ends with its descriptor, and so with its process.
 */
#ifndef TPROXY_KERNEL_STATE_LOCK_H
#define TPROXY_KERNEL_STATE_LOCK_H

#include <limits.h>

#include "kernel/state/waiting.h"

struct lock {
	int dir; /* RUNDIR; -1: cannot be used */
	int file;
	int older;               /* the parent of the pin directory; -1: held by another user */
	char name[NAME_MAX + 1]; /* of file in dir */
};

#define LOCK_OPEN                                                                                  \
	(struct lock)                                                                              \
	{                                                                                          \
		.dir = -1, .file = -1, .older = -1                                                 \
	}

/*
 * The parent of pins is open. -ETIMEDOUT: another process holds the lock. ret_why, as in pindir.h,
 * says what is wrong with the pin directory without naming it; so does the remark.
 */
int lock_take(const struct pindir *pins, struct lock_wait *wait, struct lock *ret_lock,
	      char *ret_why);

/* The file is removed as well if the pin directory is gone. */
void lock_release(struct lock *lock, const struct pindir *pins);

#endif
