/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of the pin directory (pindir.h): its stage, how it is published, its end. Knows
 * nothing of what is pinned in it; that is state.h. The caller holds the lock.
 *
 * A directory that is there is always a whole state: it is filled as "NAME_stage" and published
 * by rename, and moved back there before its files go. Errors are negative errno values; where
 * there is a ret_why, it is as in pindir.h.
 */
#ifndef TPROXY_KERNEL_STATE_PINDIR_STAGE_H
#define TPROXY_KERNEL_STATE_PINDIR_STAGE_H

#include <stdbool.h>

#include "lib/pindir.h"

#define STATE_PATH_LEN PINDIR_PATH_LEN

/* Makes the stage of a pin directory, readable for its owner only, and the directories in it. */
int pindir_stage(const struct pindir *pins, struct pindir *ret_stage, char *ret_why);

/* The stage becomes the pin directory, which is not there yet; pins enters it. */
int pindir_publish(struct pindir *stage, struct pindir *pins, char *ret_why);

/*
 * The pin directory and its stage change places at once; what was the directory is removed.
 * pins enters the new one.
 */
int pindir_exchange(struct pindir *stage, struct pindir *pins);

/*
 * Moves the directory to the stage, then unlinks every pin and the directories, and leaves it;
 * failures do not stop it, the first one is returned. 0 if there is none. -EUCLEAN: it is not
 * ours, nothing was touched.
 */
int pindir_remove(struct pindir *pins, char *ret_why);

/* Removes what an interruption left of the stage; true if there was something of ours. */
bool pindir_remove_stage(const struct pindir *pins);

/* A hard link of a pin: the same file, for those who know it by its inode. */
int pindir_link(const struct pindir *from, const struct pindir *to, const char *name);
/* As pindir_link, every pin in a directory below them. */
int pindir_link_all(const struct pindir *from, const struct pindir *to, const char *subdir);

/* A pin takes the place of another one in the same directory. */
int pindir_rename(const struct pindir *pins, const char *from, const char *to);
/* 0 also if there is none. */
int pindir_unlink(const struct pindir *pins, const char *name);

#endif
