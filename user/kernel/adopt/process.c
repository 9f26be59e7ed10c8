/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/adopt/process.h"

#include <ctype.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/cgroup2.h"
#include "lib/plain.h"
#include "lib/util.h"

#define MAX_DESCRIPTORS 200000 /* of one process that are read */

/* ---- who it is ---------------------------------------------------------- */

static int read_identity(pid_t pid, struct process_identity *ret_identity)
{
	__cleanup_file FILE *status = NULL;
	char path[32], line[256];
	struct stat exe;
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, &exe))
		return errno == ENOENT ? -ESRCH : -errno; /* a kernel thread has none */
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	while (status && !found && fgets(line, sizeof(line), status))
		found = sscanf(line, "Uid: %*u %u", &ret_identity->uid) == 1;
	if (!found)
		return -ESRCH;
	ret_identity->exe_dev = exe.st_dev;
	ret_identity->exe_ino = exe.st_ino;
	return 0;
}

static void read_names(struct process *process)
{
	__cleanup_file FILE *comm = NULL;
	char path[32];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)process->pid);
	len = readlink(path, process->exe, sizeof(process->exe) - 1);
	process->exe[len < 0 ? 0 : len] = '\0';
	plain_make(process->exe);
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)process->pid);
	comm = fopen(path, "re");
	if (!comm || !fgets(process->comm, sizeof(process->comm), comm))
		snprintf(process->comm, sizeof(process->comm), "?");
	process->comm[strcspn(process->comm, "\n")] = '\0';
	plain_make(process->comm);
}

static bool is_alive(const struct process *process)
{
	struct pollfd fd = { .fd = process->pidfd, .events = POLLIN };

	return poll(&fd, 1, 0) == 0;
}

int process_open(pid_t pid, struct process *ret_process)
{
	struct process process __cleanup_process = PROCESS_CLOSED;
	int err;

	process.pid = pid;
	process.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* EINVAL, or ENOENT since Linux 6.15: a thread; EINVAL also: not a number of one */
	if (process.pidfd < 0)
		return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
	err = read_identity(pid, &process.identity);
	if (err)
		return err;
	read_names(&process);
	if (!is_alive(&process))
		return -ESRCH;
	*ret_process = process;
	process.pidfd = -1;
	return 0;
}

void process_close(struct process *process)
{
	cleanup_fd(&process->pidfd);
	process->pidfd = -1;
}

static bool is_same(const struct process_identity *a, const struct process_identity *b)
{
	return a->exe_dev == b->exe_dev && a->exe_ino == b->exe_ino && a->uid == b->uid;
}

bool process_is(const struct process *process, const struct process_identity *identity)
{
	return is_same(&process->identity, identity);
}

bool process_is_unchanged(const struct process *process)
{
	struct process_identity now;

	return !read_identity(process->pid, &now) && is_same(&now, &process->identity) &&
	       is_alive(process);
}

/* ---- its sockets -------------------------------------------------------- */

int process_walk_sockets(const struct process *process,
			 int (*cb)(int number, __u32 inode, void *arg), void *arg)
{
	__cleanup_dir DIR *dir = NULL;
	char path[32], target[64];
	size_t descriptors = 0;
	struct dirent *entry;
	int ret = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)process->pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!ret && (entry = readdir(dir)) && descriptors++ < MAX_DESCRIPTORS) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		__u32 inode;

		target[len < 0 ? 0 : len] = '\0';
		if (sscanf(target, "socket:[%u]", &inode) == 1)
			ret = cb(atoi(entry->d_name), inode, arg);
	}
	return ret;
}

int process_take_fd(const struct process *process, int number)
{
	int fd = (int)syscall(SYS_pidfd_getfd, process->pidfd, number, 0);

	return fd < 0 ? -errno : fd;
}

/* ---- where it is -------------------------------------------------------- */

int process_cgroup(const struct process *process, char *buf)
{
	int err = cgroup2_of(process->pid, buf, PROCESS_CGROUP_LEN);

	return err ? err : is_alive(process) ? 0 : -ESRCH;
}

__u64 process_netns(const struct process *process)
{
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)process->pid);
	return stat(path, &st) ? 0 : st.st_ino;
}

/* ---- all ---------------------------------------------------------------- */

int process_walk(int (*cb)(const struct process *process, void *arg), void *arg)
{
	__cleanup_dir DIR *proc = opendir("/proc");
	struct dirent *entry;
	int ret = 0;

	if (!proc)
		return -errno;
	while (!ret && (entry = readdir(proc))) {
		struct process process __cleanup_process = PROCESS_CLOSED;

		if (isdigit((unsigned char)entry->d_name[0]) &&
		    !process_open(atoi(entry->d_name), &process))
			ret = cb(&process, arg);
	}
	return ret;
}
