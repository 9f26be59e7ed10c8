/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pin directory as something that other users may have touched: opens it by descriptors,
 * and only if nobody but root, or the user we are, can change it. A bpffs is often writable
 * for everybody, so from its root on down no symbolic link is followed and every owner is
 * looked at. Knows nothing of what is pinned.
 *
 * Errors are negative errno values; -EUCLEAN: refused, because others have a hand in it. With
 * every error ret_why, of PINDIR_WHY_LEN bytes, has the sentence for the user.
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
 * parent is no bpffs. -ENAMETOOLONG, -EINVAL for a bad path.
 */
int pindir_open_parent(struct pindir *pins, const char *path, char *ret_why);

/* Opens the directory. -ENOENT: there is none. */
int pindir_enter(struct pindir *pins, char *ret_why);

/* Makes it, readable for its owner only, and enters it. -EEXIST. */
int pindir_make(struct pindir *pins, char *ret_why);

/* Does the name still lead to the directory that is open? */
bool pindir_is_there(const struct pindir *pins);

/* Opens and closes: may what is at this path be used? */
int pindir_check(const char *path, char *ret_why);

/* The same directories once more; suffix is appended to the name, and dir is then left closed. */
int pindir_dup(const struct pindir *from, const char *suffix, struct pindir *to);

void pindir_leave(struct pindir *pins); /* closes dir */
void pindir_close(struct pindir *pins);
#define __cleanup_pindir __attribute__((cleanup(pindir_close)))

/*
 * A path of a pin for bpf(2), which takes no descriptor of a directory before Linux 6.5. It
 * leads through the open directory, whatever its name leads to by now. buf:
 * PINDIR_PATH_LEN bytes.
 */
int pindir_path(const struct pindir *pins, const char *pin, char *buf);

/* "user NAME (uid N)" into buf. */
const char *pindir_user(unsigned int uid, char *buf, int size);

#endif
