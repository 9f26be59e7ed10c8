/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps loaders apart that change the same pin directory. The lock is a file in /run/tproxy,
 * where only root gets at it: on a bpffs, anybody who can open a directory can hold its lock.
 * Older builds lock the parent of the pin directory, so that lock is taken as well, unless
 * only other users stand in the way. A lock ends with the descriptor: whoever is killed
 * leaves none.
 */
#ifndef TPROXY_KERNEL_STATE_LOCK_H
#define TPROXY_KERNEL_STATE_LOCK_H

#include <limits.h>
#include <signal.h>

#include "lib/pindir.h"

#define LOCK_DIR "/run/tproxy"
#define LOCK_WAIT_MS 5000

struct lock {
	int dir; /* LOCK_DIR; -1: not to be had */
	int file;
	int older;               /* the parent of the pin directory; -1: held by another user */
	char name[NAME_MAX + 1]; /* of file in dir */
};

#define LOCK_OPEN                                                                                  \
	(struct lock)                                                                              \
	{                                                                                          \
		.dir = -1, .file = -1, .older = -1                                                 \
	}

/* How to wait; what else there is to say to the user. */
struct lock_wait {
	int ms;               /* for each holder; 0: LOCK_WAIT_MS, -1: for ever */
	const sigset_t *mask; /* signals that are blocked while it waits; NULL: as they are */
	char remark[PINDIR_WHY_LEN]; /* "" or a sentence, although the lock was taken */
};

/*
 * The parent of pins is open. -ETIMEDOUT: somebody holds it. ret_why, as in pindir.h, says what
 * is wrong with the pin directory without naming it; so does the remark.
 */
int lock_take(const struct pindir *pins, struct lock_wait *wait, struct lock *ret_lock,
	      char *ret_why);

static inline bool lock_is_held(const struct lock *lock)
{
	return lock->file >= 0 || lock->older >= 0;
}

/* The file goes too where there is no pin directory any more. */
void lock_release(struct lock *lock, const struct pindir *pins);

#endif
