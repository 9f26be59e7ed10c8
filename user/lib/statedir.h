/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pin directory as a directory of bpffs: its paths, its lock, its stage, its end. Knows
 * nothing of what is pinned in it; that is state.h.
 *
 * A directory that is there is always a whole state: it is filled as "DIR_stage" and published
 * by rename, and moved back there before its files go. Errors are negative errno values.
 */
#ifndef TPROXY_STATEDIR_H
#define TPROXY_STATEDIR_H

#include <stdbool.h>

#define STATE_PATH_LEN 256 /* of each path here */

/* "DIR/NAME" into buf; 0 or -ENAMETOOLONG. */
int statedir_join(char *buf, const char *dir, const char *name);

/* -EMEDIUMTYPE: the parent of dir is no bpffs. -ENAMETOOLONG, -EINVAL for a bad dir. */
int statedir_check(const char *dir);

/* Waits for other invocations; returns a descriptor that is the caller's, and holds until closed. */
int statedir_lock(const char *dir);

/* The path of the stage. */
void statedir_stage(const char *dir, char *buf);

/* Makes dir, readable for its owner only, and the directories in it. */
int statedir_make(const char *dir);

/*
 * Moves dir to the stage, then unlinks every pin and the directories; goes on after failures,
 * the first one is returned. 0 if there is none.
 */
int statedir_remove(const char *dir);

/* A hard link of a pin: the same file, for those who know it by its inode. */
int statedir_link(const char *from_dir, const char *to_dir, const char *name);
/* As statedir_link, every pin in a directory below them. */
int statedir_link_all(const char *from_dir, const char *to_dir, const char *subdir);

/* dir and its stage change places at once; what was dir is removed. */
int statedir_exchange(const char *dir);

/* Removes what an interruption left of the stage; true if there was something. */
bool statedir_remove_stage(const char *dir);

#endif
