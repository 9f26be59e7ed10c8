/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/state/pindir_stage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

#define STAGE "_stage"

static const char *const subdirs[] = { "internal", "progs", "links" };

/* A subdirectory for reading; NULL and errno. */
static DIR *open_dir(int at, const char *name)
{
	__cleanup_close int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		fd = -1;
	return dir;
}

/* ---- removing ----------------------------------------------------------- */

/* Unlinks all files in a directory, of any type; returns the first error. */
static int remove_files(int at, const char *name)
{
	__cleanup_dir DIR *dir = open_dir(at, name);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (entry->d_type == DT_DIR)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0))
			err = first_error(err, -errno);
	}
	return err;
}

static int remove_subdir(int at, const char *name)
{
	int err = remove_files(at, name);

	if (err == -ENOENT)
		return 0;
	/* A file or a link instead of a directory: remove_files of the parent unlinks it. */
	if (err == -ENOTDIR || err == -ELOOP)
		return 0;
	if (unlinkat(at, name, AT_REMOVEDIR))
		err = first_error(err, -errno);
	return err;
}

/* Everything in an open directory, and then its name. */
static int remove_tree(const struct pindir *pins)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(subdirs); i++)
		err = first_error(err, remove_subdir(pins->dir, subdirs[i]));
	err = first_error(err, remove_files(pins->dir, "."));
	if (!pindir_is_there(pins))
		return err ? err : -ESTALE;
	if (unlinkat(pins->parent, pins->name, AT_REMOVEDIR))
		err = first_error(err, -errno);
	return err;
}

static int remove_named(const struct pindir *pins, const char *suffix, char *why)
{
	struct pindir tree __cleanup_pindir = PINDIR_CLOSED;
	int err = pindir_dup(pins, suffix, &tree);

	if (!err)
		err = pindir_enter(&tree, why);
	return err ? err : remove_tree(&tree);
}

bool pindir_remove_stage(const struct pindir *pins)
{
	char why[PINDIR_WHY_LEN];
	int err = remove_named(pins, STAGE, why);

	return err != -ENOENT && err != -EUCLEAN;
}

static int rename_at(const struct pindir *from, const struct pindir *to, unsigned int how)
{
	return renameat2(from->parent, from->name, to->parent, to->name, how) ? -errno : 0;
}

/*
 * If another user has taken the name of the stage, the directory is removed under its own name. An
 * interruption could then leave a part of it, which `clean` removes.
 */
int pindir_remove(struct pindir *pins, char *ret_why)
{
	struct pindir tree __cleanup_pindir = PINDIR_CLOSED;
	struct pindir stage __cleanup_pindir = PINDIR_CLOSED;
	int err = pindir_enter(pins, ret_why);

	if (err)
		return err == -ENOENT ? 0 : err;
	err = pindir_dup(pins, "", &tree);
	if (!err)
		err = pindir_dup(pins, STAGE, &stage);
	if (!err) {
		pindir_remove_stage(pins);
		if (!rename_at(&tree, &stage, RENAME_NOREPLACE))
			memcpy(tree.name, stage.name, sizeof(tree.name));
		err = remove_tree(&tree);
	}
	pindir_leave(pins);
	if (err)
		snprintf(ret_why, PINDIR_WHY_LEN, "%s", strerror(-err));
	return err;
}

/* ---- stage -------------------------------------------------------------- */

/* The name is in use: says by whom. */
static int refuse_taken(struct pindir *pins, char *why)
{
	int err = pindir_enter(pins, why);

	pindir_leave(pins);
	if (!err)
		return -EEXIST;
	if (err != -EUCLEAN)
		snprintf(why, PINDIR_WHY_LEN,
			 "%s: another process took the name and left it again (chmod 700 the "
			 "directory above keeps other users out)",
			 pins->name);
	return -EUCLEAN;
}

int pindir_stage(const struct pindir *pins, struct pindir *ret_stage, char *ret_why)
{
	struct pindir stage __cleanup_pindir = PINDIR_CLOSED;
	int err = pindir_dup(pins, STAGE, &stage);

	if (!err)
		err = pindir_make(&stage, ret_why);
	if (err == -EEXIST)
		return refuse_taken(&stage, ret_why);
	for (size_t i = 0; i < ARRAY_SIZE(subdirs) && !err; i++)
		err = mkdirat(stage.dir, subdirs[i], 0700) ? -errno : 0;
	if (err)
		return err;
	*ret_stage = stage;
	stage = PINDIR_CLOSED;
	return 0;
}

/* Between check and rename only root can change where the name leads. */
static int take_place(struct pindir *stage, struct pindir *pins)
{
	memcpy(stage->name, pins->name, sizeof(stage->name));
	if (!pindir_is_there(stage))
		return -ESTALE;
	pindir_leave(pins);
	pins->dir = take_fd(&stage->dir);
	pindir_close(stage);
	return 0;
}

int pindir_publish(struct pindir *stage, struct pindir *pins, char *ret_why)
{
	int err = rename_at(stage, pins, RENAME_NOREPLACE);

	if (err == -EEXIST)
		return refuse_taken(pins, ret_why);
	return err ? err : take_place(stage, pins);
}

int pindir_exchange(struct pindir *stage, struct pindir *pins)
{
	char why[PINDIR_WHY_LEN];
	int err = rename_at(stage, pins, RENAME_EXCHANGE);

	if (!err)
		err = take_place(stage, pins);
	if (!err)
		remove_named(pins, STAGE, why); /* the next command removes the rest */
	return err;
}

/* ---- pins --------------------------------------------------------------- */

int pindir_link(const struct pindir *from, const struct pindir *to, const char *name)
{
	return linkat(from->dir, name, to->dir, name, 0) ? -errno : 0;
}

int pindir_link_all(const struct pindir *from, const struct pindir *to, const char *subdir)
{
	__cleanup_dir DIR *dir = open_dir(from->dir, subdir);
	char name[STATE_PATH_LEN];
	struct dirent *entry;
	int err = dir ? 0 : -errno;

	while (!err && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR)
			continue;
		snprintf(name, sizeof(name), "%s/%s", subdir, entry->d_name);
		err = pindir_link(from, to, name);
	}
	return err;
}

int pindir_rename(const struct pindir *pins, const char *from, const char *to)
{
	return renameat(pins->dir, from, pins->dir, to) ? -errno : 0;
}

int pindir_unlink(const struct pindir *pins, const char *name)
{
	return unlinkat(pins->dir, name, 0) && errno != ENOENT ? -errno : 0;
}
