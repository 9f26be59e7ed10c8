/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/statedir.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/util.h"

static const char *const subdirs[] = { "internal", "progs", "links" };

int statedir_join(char *buf, const char *dir, const char *name)
{
	int len = snprintf(buf, STATE_PATH_LEN, "%s/%s", dir, name);

	return len < STATE_PATH_LEN ? 0 : -ENAMETOOLONG;
}

static int parent_of(const char *dir, char *buf)
{
	const char *slash = strrchr(dir, '/');

	if (dir[0] != '/' || !slash[1] || strlen(dir) >= STATE_PATH_LEN - 32)
		return -EINVAL;
	snprintf(buf, STATE_PATH_LEN, "%.*s", slash == dir ? 1 : (int)(slash - dir), dir);
	return 0;
}

int statedir_check(const char *dir)
{
	char parent[STATE_PATH_LEN];
	struct statfs fs;
	int err = parent_of(dir, parent);

	if (err)
		return err;
	if (strchr(strrchr(dir, '/'), '.'))
		return -EINVAL; /* bpffs keeps dots for itself */
	if (statfs(parent, &fs))
		return -errno;
	return fs.f_type == BPF_FS_MAGIC ? 0 : -EMEDIUMTYPE;
}

int statedir_lock(const char *dir)
{
	char parent[STATE_PATH_LEN];
	__cleanup_close int fd = -1;
	int err = parent_of(dir, parent);

	if (err)
		return err;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX))
		if (errno != EINTR)
			return -errno;
	return take_fd(&fd);
}

void statedir_stage(const char *dir, char *buf)
{
	snprintf(buf, STATE_PATH_LEN, "%s_stage", dir);
}

/* Removes the files of a directory and itself; the first error wins. */
static int remove_flat(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir))) {
		if (entry->d_type == DT_DIR)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) && !err)
			err = -errno;
	}
	closedir(dir);
	if (rmdir(path) && !err)
		err = -errno;
	return err;
}

static int remove_tree(const char *dir)
{
	char path[STATE_PATH_LEN];
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(subdirs); i++) {
		int failed = statedir_join(path, dir, subdirs[i]);

		if (!failed)
			failed = remove_flat(path);
		if (failed && !err)
			err = failed;
	}
	return err ? err : remove_flat(dir);
}

int statedir_remove(const char *dir)
{
	char stage[STATE_PATH_LEN];

	statedir_stage(dir, stage);
	remove_tree(stage);
	if (rename(dir, stage))
		return errno == ENOENT ? 0 : -errno;
	return remove_tree(stage);
}

bool statedir_remove_stage(const char *dir)
{
	char stage[STATE_PATH_LEN];

	statedir_stage(dir, stage);
	if (access(stage, F_OK))
		return false;
	remove_tree(stage);
	return true;
}

int statedir_link(const char *from_dir, const char *to_dir, const char *name)
{
	char from[STATE_PATH_LEN], to[STATE_PATH_LEN];
	int err = statedir_join(from, from_dir, name);

	if (!err)
		err = statedir_join(to, to_dir, name);
	if (err)
		return err;
	return link(from, to) ? -errno : 0;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int statedir_link_all(const char *from_dir, const char *to_dir, const char *subdir)
{
	char path[STATE_PATH_LEN], name[STATE_PATH_LEN];
	DIR *dir __attribute__((cleanup(close_dir))) = NULL;
	struct dirent *entry;
	int err = statedir_join(path, from_dir, subdir);

	if (err)
		return err;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR)
			continue;
		err = statedir_join(name, subdir, entry->d_name);
		if (!err)
			err = statedir_link(from_dir, to_dir, name);
	}
	return err;
}

int statedir_exchange(const char *dir)
{
	char stage[STATE_PATH_LEN];

	statedir_stage(dir, stage);
	if (renameat2(AT_FDCWD, stage, AT_FDCWD, dir, RENAME_EXCHANGE))
		return -errno;
	remove_tree(stage); /* what is left of it, the next command removes */
	return 0;
}

int statedir_make(const char *dir)
{
	char path[STATE_PATH_LEN];

	if (mkdir(dir, 0700))
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(subdirs); i++) {
		int err = statedir_join(path, dir, subdirs[i]);

		if (err)
			return err;
		if (mkdir(path, 0700))
			return -errno;
	}
	return 0;
}
