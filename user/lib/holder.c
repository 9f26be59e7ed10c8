/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/holder.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/plain.h"
#include "lib/util.h"

/* One line of /proc/locks, or of the locks in a descriptor's fdinfo. */
static bool parse_lock(const char *line, const struct stat *file, pid_t *ret_pid)
{
	unsigned int major_nr, minor_nr;
	unsigned long inode;
	int pid;

	/* A process that waits has an arrow before the type. */
	if (sscanf(line, "%*[^:]: FLOCK %*s %*s %d %x:%x:%lu", &pid, &major_nr, &minor_nr,
		   &inode) != 4)
		return false;
	*ret_pid = pid;
	return inode == file->st_ino && major_nr == major(file->st_dev) &&
	       minor_nr == minor(file->st_dev);
}

/* True also if we may not read it. */
static bool fd_has_lock(const char *dir, const char *name, const struct stat *file)
{
	__cleanup_file FILE *info = NULL;
	char path[320], line[256];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	info = fopen(path, "re");
	if (!info)
		return errno != ENOENT;
	while (fgets(line, sizeof(line), info))
		if (!strncmp(line, "lock:", 5) && parse_lock(line + 5, file, &pid))
			return true;
	return false;
}

/*
 * The process that locked may have ended and left the descriptor to a child; another process may
 * have its number now.
 */
static bool really_holds(pid_t pid, const struct stat *file)
{
	__cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno != ENOENT;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && fd_has_lock(path, entry->d_name, file))
			return true;
	return false;
}

bool holder_describe(pid_t pid, struct holder *ret_holder)
{
	struct holder holder = { .pid = pid };
	__cleanup_file FILE *status = NULL;
	char path[32], line[256], state = '?';
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status)) {
		found += sscanf(line, "Name: %31[^\n]", holder.comm) == 1;
		found += sscanf(line, "State: %c", &state) == 1;
		found += sscanf(line, "Uid: %u", &holder.uid) == 1;
	}
	plain_make(holder.comm); /* it may contain control sequences for terminals */
	holder.stopped = state == 'T' || state == 't';
	if (found < 3 || state == 'Z')
		return false;
	*ret_holder = holder;
	return true;
}

bool holder_is_trusted(const struct holder *holder)
{
	return holder->pid && (holder->uid == 0 || holder->uid == geteuid());
}

void holder_find(int fd, struct holder *ret_holder)
{
	__cleanup_file FILE *locks = fopen("/proc/locks", "re");
	struct holder found = { 0 }, one;
	struct stat file;
	char line[256];
	pid_t pid;

	*ret_holder = (struct holder){ 0 };
	if (!locks || fstat(fd, &file))
		return;
	while (!holder_is_trusted(&found) && fgets(line, sizeof(line), locks))
		if (parse_lock(line, &file, &pid) && pid > 0 && really_holds(pid, &file) &&
		    holder_describe(pid, &one))
			found = one;
	*ret_holder = found;
}
