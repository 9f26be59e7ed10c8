/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/rundir_entry.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/rundir.h"
#include "lib/util.h"

int rundir_find(const char *name, struct rundir_entry *ret_entry)
{
	__cleanup_close int dir = rundir_open();
	struct rundir_entry entry = { 0 };
	struct stat st;

	if (dir < 0)
		return dir;
	if (strlen(name) >= sizeof(entry.name))
		return -ENAMETOOLONG;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	memcpy(entry.name, name, strlen(name));
	entry.dev = st.st_dev;
	entry.ino = st.st_ino;
	*ret_entry = entry;
	return 0;
}

/* Under the lock, as rundir_listen: nobody can replace the file between look and removal. */
int rundir_remove(const struct rundir_entry *entry)
{
	__cleanup_close int dir = rundir_open();
	struct stat st;

	if (dir < 0)
		return dir;
	if (flock(dir, LOCK_EX) || fstatat(dir, entry->name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (st.st_dev != entry->dev || st.st_ino != entry->ino)
		return -ESTALE;
	return unlinkat(dir, entry->name, 0) ? -errno : 0;
}
