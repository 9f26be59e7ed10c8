/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/rundir.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/util.h"

#define RUN_DIR "/run"
#define SOCKET_BACKLOG 8

static bool is_trusted_dir(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && (st.st_uid == 0 || st.st_uid == geteuid()) &&
	       (!(st.st_mode & 022) || (st.st_mode & S_ISVTX));
}

static gid_t members(void)
{
	const struct group *group = getgrnam(RUNDIR_GROUP);

	return group ? group->gr_gid : 0;
}

/* Without CAP_CHOWN the group cannot enter, but the directory works for root. */
static void let_members_enter(int dir)
{
	gid_t gid = members();
	struct stat st;

	if (!gid || fstat(dir, &st) || (st.st_gid == gid && (st.st_mode & 07777) == 0710))
		return;
	if (!fchown(dir, (uid_t)-1, gid))
		fchmod(dir, 0710);
}

int rundir_open(void)
{
	__cleanup_close int run = open(RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	__cleanup_close int dir = -1;

	if (run < 0)
		return -errno;
	if (!is_trusted_dir(run))
		return -EUCLEAN;
	if (mkdirat(run, "tproxy", 0700) && errno != EEXIST)
		return -errno;
	dir = openat(run, "tproxy", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOTDIR || errno == ELOOP ? -EUCLEAN : -errno;
	if (!is_trusted_dir(dir))
		return -EUCLEAN;
	let_members_enter(dir);
	return take_fd(&dir);
}

/* ---- sockets ------------------------------------------------------------ */

static int open_socket(int flags)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);

	return fd < 0 ? -errno : fd;
}

static int address_of(const char *name, struct sockaddr_un *ret_addr)
{
	int len;

	*ret_addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	len = snprintf(ret_addr->sun_path, sizeof(ret_addr->sun_path), RUNDIR "/%s", name);
	return len < (int)sizeof(ret_addr->sun_path) ? 0 : -ENAMETOOLONG;
}

int rundir_connect(const char *name)
{
	struct sockaddr_un addr;
	__cleanup_close int fd = -1;
	int err = address_of(name, &addr);

	if (err)
		return err;
	fd = open_socket(0);
	if (fd < 0)
		return take_fd(&fd);
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : take_fd(&fd);
}

/* Under the lock of the directory, so that of two processes only one finds the name free. */
static int bind_name(int dir, int fd, const char *name)
{
	struct sockaddr_un addr;
	__cleanup_close int other = -1;
	int err = address_of(name, &addr);

	if (err)
		return err;
	other = rundir_connect(name);
	/* EAGAIN: its queue is full. */
	if (other >= 0 || other == -EAGAIN)
		return -EADDRINUSE;
	if (other == -ECONNREFUSED && unlinkat(dir, name, 0) && errno != ENOENT)
		return -errno;
	return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
}

int rundir_listen(const char *name, enum rundir_access access)
{
	__cleanup_close int dir = rundir_open();
	__cleanup_close int fd = -1;
	gid_t gid = access == RUNDIR_MEMBERS ? members() : 0;
	int err;

	if (dir < 0)
		return take_fd(&dir);
	fd = open_socket(SOCK_NONBLOCK);
	if (fd < 0)
		return take_fd(&fd);
	/* bind() gives the file the mode of the socket (unix_bind_bsd), so it is never too open. */
	if (fchmod(fd, gid ? 0660 : 0600) || flock(dir, LOCK_EX))
		return -errno;
	err = bind_name(dir, fd, name);
	if (err)
		return err;
	if (gid && fchownat(dir, name, (uid_t)-1, gid, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return listen(fd, SOCKET_BACKLOG) ? -errno : take_fd(&fd);
}
