/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/logfile.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

#define LOG_FLAGS (O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY)
#define LOG_MODE 0640

static int open_or_errno(const char *path, int flags)
{
	int fd = open(path, LOG_FLAGS | flags, LOG_MODE);

	return fd < 0 ? -errno : fd;
}

/*
 * Reads a link that we trust, as a path that open() takes: a relative target begins in the
 * directory of the link. The link is held open, so nobody can exchange it between check and use.
 */
static int read_trusted_link(const char *path, char *ret_target, size_t size)
{
	__cleanup_close int link = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	const char *slash = strrchr(path, '/');
	char target[PATH_MAX];
	struct stat st;
	ssize_t len;
	int dir;

	if (link < 0 || fstat(link, &st))
		return -errno;
	if (!S_ISLNK(st.st_mode) || (st.st_uid && st.st_uid != geteuid()))
		return -ELOOP;
	len = readlinkat(link, "", target, sizeof(target));
	if (len < 0)
		return -errno;
	dir = target[0] == '/' || !slash ? 0 : (int)(slash - path) + 1;
	len = snprintf(ret_target, size, "%.*s%.*s", dir, path, (int)len, target);
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

static int open_through_link(const char *path, int flags)
{
	char target[2 * PATH_MAX];
	int err = read_trusted_link(path, target, sizeof(target));

	return err ? err : open_or_errno(target, flags);
}

int logfile_open(const char *path, bool wait)
{
	int flags = wait ? 0 : O_NONBLOCK;
	int fd = open_or_errno(path, flags | O_NOFOLLOW);

	if (fd == -ELOOP)
		fd = open_through_link(path, flags);
	if (fd >= 0 && !wait)
		fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}
