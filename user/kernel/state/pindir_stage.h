/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a pin directory: staged, published, removed; and its pins as files. How it is opened
 * safely is pindir.h; what is pinned in it is state.h. The caller holds the lock.
 *
 * A directory under its final name is always a complete state: it is filled as "NAME_stage" and
 * then renamed, and renamed back before its files are removed. Errors are negative errno values;
 * ret_why is as in pindir.h.
 */
#ifndef TPROXY_KERNEL_STATE_PINDIR_STAGE_H
#define TPROXY_KERNEL_STATE_PINDIR_STAGE_H

#include <stdbool.h>

#include "lib/pindir.h"

#define STATE_PATH_LEN PINDIR_PATH_LEN

/* Makes the stage of a pin directory, readable only for its owner, and the directories in it. */
int pindir_stage(const struct pindir *pins, struct pindir *ret_stage, char *ret_why);

/* The stage becomes the pin directory, which must not exist yet; pins enters it. */
int pindir_publish(struct pindir *stage, struct pindir *pins, char *ret_why);

/*
 * Exchanges the pin directory and its stage in one step, and removes the old one; pins enters the
 * new one.
 */
int pindir_exchange(struct pindir *stage, struct pindir *pins);

/*
 * Renames the directory to the stage, unlinks all pins and directories, and leaves it. Continues
 * after a failure and returns the first one. 0 also if there is no directory. -EUCLEAN: it is not
 * ours, and nothing was changed.
 */
int pindir_remove(struct pindir *pins, char *ret_why);

/* Removes what an interruption left of the stage; true if it found something of ours. */
bool pindir_remove_stage(const struct pindir *pins);

/* A hard link of a pin: it keeps its inode, by which the relay knows it. */
int pindir_link(const struct pindir *from, const struct pindir *to, const char *name);
/* As pindir_link, for every pin in a subdirectory. */
int pindir_link_all(const struct pindir *from, const struct pindir *to, const char *subdir);

/* Renames a pin in its directory; one of the new name is replaced. */
int pindir_rename(const struct pindir *pins, const char *from, const char *to);
/* 0 also if it does not exist. */
int pindir_unlink(const struct pindir *pins, const char *name);

#endif
