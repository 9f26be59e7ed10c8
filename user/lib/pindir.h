/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens a pin directory safely, although other users may have touched it: by descriptors, and only
 * if no user but root and ourselves can change it. A bpffs is often writable for everyone, so from
 * its root on no symbolic link is followed and every owner is checked. How it is made and removed
 * is pindir_stage.h. Knows nothing of what is pinned.
 *
 * Errors are negative errno values; -EUCLEAN: refused, because another user can change it. With
 * every error ret_why, of PINDIR_WHY_LEN bytes, is the sentence for the user.
 */
#ifndef TPROXY_LIB_PINDIR_H
#define TPROXY_LIB_PINDIR_H

#include <stdbool.h>

#define PINDIR_PATH_LEN 256
#define PINDIR_WHY_LEN 768

struct pindir {
	int parent;                 /* O_PATH; a directory of a bpffs */
	int dir;                    /* O_PATH; -1: not entered */
	char name[PINDIR_PATH_LEN]; /* of dir in parent */
};

#define PINDIR_CLOSED                                                                              \
	(struct pindir)                                                                            \
	{                                                                                          \
		.parent = -1, .dir = -1                                                            \
	}

/*
 * Opens the parent of an absolute path; the directory itself may be absent. -EMEDIUMTYPE: the
 * parent is not on a bpffs. -ENAMETOOLONG, -EINVAL: a bad path.
 */
int pindir_open_parent(struct pindir *pins, const char *path, char *ret_why);

/* Opens the directory. -ENOENT: there is none. */
int pindir_enter(struct pindir *pins, char *ret_why);

/* Makes it, readable for its owner only, and enters it. -EEXIST. */
int pindir_make(struct pindir *pins, char *ret_why);

/* Does the name still lead to the directory that is open? */
bool pindir_is_there(const struct pindir *pins);

/* Can the directory at this path be used? Opens and closes it. */
int pindir_check(const char *path, char *ret_why);

/* Duplicates the descriptors; with a suffix, which is appended to the name, only the parent's. */
int pindir_dup(const struct pindir *from, const char *suffix, struct pindir *to);

void pindir_leave(struct pindir *pins); /* closes dir */
void pindir_close(struct pindir *pins);
#define __cleanup_pindir __attribute__((cleanup(pindir_close)))

/*
 * The path of a pin for bpf(2), which takes no directory descriptor before Linux 6.5. It leads
 * through the open directory, even if its name leads elsewhere by now. buf: PINDIR_PATH_LEN bytes.
 */
int pindir_path(const struct pindir *pins, const char *pin, char *buf);

/* "user NAME (uid N)" into buf. */
const char *pindir_user(unsigned int uid, char *buf, int size);

#endif
