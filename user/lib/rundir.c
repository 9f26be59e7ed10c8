/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/rundir.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/util.h"

#define RUN_DIR "/run"
#define SOCKET_BACKLOG 8

static const char *chosen; /* NULL: RUNDIR */

void rundir_choose(const char *dir)
{
	chosen = dir;
}

const char *rundir_path(void)
{
	return chosen ? chosen : RUNDIR;
}

static bool is_trusted(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & 022);
}

/* In a sticky directory others cannot rename what is not theirs. */
static bool is_trusted_above(const struct stat *st)
{
	return is_trusted(st) ||
	       ((st->st_uid == 0 || st->st_uid == geteuid()) && (st->st_mode & S_ISVTX));
}

static bool is_trusted_dir(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && is_trusted(&st);
}

/* Who can rename a directory on the way to it can put another one in its place. */
static bool is_trusted_way(const char *path)
{
	char real[PATH_MAX];
	struct stat st;
	char *slash;

	if (!realpath(path, real))
		return false;
	while ((slash = strrchr(real, '/')) && slash != real) {
		*slash = '\0';
		if (stat(real, &st) || !is_trusted_above(&st))
			return false;
	}
	return true;
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

static int open_chosen(void)
{
	__cleanup_close int dir = open(chosen, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	return is_trusted_dir(dir) && is_trusted_way(chosen) ? take_fd(&dir) : -EUCLEAN;
}

static int open_default(void)
{
	__cleanup_close int run = open(RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	__cleanup_close int dir = -1;
	struct stat st;

	if (run < 0)
		return -errno;
	if (fstat(run, &st) || !is_trusted_above(&st))
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

int rundir_open(void)
{
	return chosen ? open_chosen() : open_default();
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
	len = snprintf(ret_addr->sun_path, sizeof(ret_addr->sun_path), "%s/%s", rundir_path(),
		       name);
	return len < (int)sizeof(ret_addr->sun_path) ? 0 : -ENAMETOOLONG;
}

/* Members of the group may enter it, but not open it. */
static int check_dir(void)
{
	struct stat st;

	if (stat(rundir_path(), &st))
		return -errno;
	return is_trusted(&st) ? 0 : -EUCLEAN;
}

static int connect_socket(const char *name, int flags)
{
	struct timeval patience = { .tv_sec = RUNDIR_PATIENCE_S };
	struct sockaddr_un addr;
	__cleanup_close int fd = -1;
	int err = first_error(check_dir(), address_of(name, &addr));

	if (err)
		return err;
	fd = open_socket(flags);
	if (fd < 0)
		return take_fd(&fd);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : take_fd(&fd);
}

int rundir_connect(const char *name)
{
	return connect_socket(name, 0);
}

bool rundir_is_served(const char *name, pid_t *ret_pid)
{
	__cleanup_close int fd = connect_socket(name, SOCK_NONBLOCK);
	struct ucred peer = { .pid = 0 };
	socklen_t len = sizeof(peer);

	*ret_pid = 0;
	if (fd < 0)
		return fd == -EAGAIN; /* its queue is full */
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		*ret_pid = peer.pid;
	return true;
}

/* Removes the socket NAME if it is left over: 0, -EADDRINUSE if it is served, or -errno. */
static int clear_name(int dir, const char *name)
{
	__cleanup_close int other = connect_socket(name, SOCK_NONBLOCK);

	/* EAGAIN: its queue is full. */
	if (other >= 0 || other == -EAGAIN)
		return -EADDRINUSE;
	if (other == -ECONNREFUSED && unlinkat(dir, name, 0) && errno != ENOENT)
		return -errno;
	return 0;
}

/* Under the lock of the directory, so that of two processes only one finds the name free. */
static int bind_name(int dir, int fd, const char *name)
{
	struct sockaddr_un addr;
	int err = address_of(name, &addr);

	if (!err)
		err = clear_name(dir, name);
	if (err)
		return err;
	return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
}

/* In a directory of the user's choice nobody but its owner can enter; without CAP_CHOWN, too. */
static void admit_members(int dir, const char *name)
{
	gid_t gid = chosen ? 0 : members();

	if (gid && !fchownat(dir, name, (uid_t)-1, gid, AT_SYMLINK_NOFOLLOW))
		fchmodat(dir, name, 0660, 0);
}

int rundir_listen(const char *name, enum rundir_access access)
{
	__cleanup_close int dir = rundir_open();
	__cleanup_close int fd = -1;
	int err;

	if (dir < 0)
		return take_fd(&dir);
	fd = open_socket(SOCK_NONBLOCK);
	if (fd < 0)
		return take_fd(&fd);
	/* bind() gives the file the mode of the socket (unix_bind_bsd), so it is never too open. */
	if (fchmod(fd, 0600) || flock(dir, LOCK_EX))
		return -errno;
	err = bind_name(dir, fd, name);
	if (err)
		return err;
	if (access == RUNDIR_MEMBERS)
		admit_members(dir, name);
	return listen(fd, SOCKET_BACKLOG) ? -errno : take_fd(&fd);
}

void rundir_forget(const char *name)
{
	__cleanup_close int dir = rundir_open();

	if (dir >= 0 && !flock(dir, LOCK_EX))
		clear_name(dir, name);
}
