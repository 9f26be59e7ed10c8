/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A running process: who it is, and copies of its sockets. It is held by a pidfd, so another
 * process that gets its number is never taken for it. Knows nothing of rules or records.
 */
#ifndef TPROXY_KERNEL_ADOPT_PROCESS_H
#define TPROXY_KERNEL_ADOPT_PROCESS_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/types.h>

#define PROCESS_EXE_LEN 256
#define PROCESS_CGROUP_LEN 256

/* The same program, run by the same user: what follows a restart. */
struct process_identity {
	__u64 exe_dev, exe_ino; /* of /proc/PID/exe */
	__u32 uid;              /* effective */
};

struct process {
	pid_t pid;
	int pidfd; /* owned */
	struct process_identity identity;
	char comm[16];             /* printable */
	char exe[PROCESS_EXE_LEN]; /* printable; for messages only */
};
#define PROCESS_CLOSED                                                                             \
	(struct process)                                                                           \
	{                                                                                          \
		.pidfd = -1                                                                        \
	}

/* 0; -ESRCH: there is none; -EACCES: /proc hides it; -ENOSYS: the kernel has no pidfd. */
int process_open(pid_t pid, struct process *ret_process);
void process_close(struct process *process);
#define __cleanup_process __attribute__((cleanup(process_close)))

bool process_is(const struct process *process, const struct process_identity *identity);
/* Has it neither ended nor become another program since it was opened? */
bool process_is_unchanged(const struct process *process);

/*
 * Calls cb for each descriptor that is a socket, until it returns other than 0; returns that.
 * inode: of the socket. -EACCES: its descriptors are hidden.
 */
int process_walk_sockets(const struct process *process,
			 int (*cb)(int number, __u32 inode, void *arg), void *arg);
/*
 * A copy of its descriptor: the same open file, so that options set on it are those of the process.
 * -EPERM: no right to (Yama, CAP_SYS_PTRACE); -EBADF: it is closed; -ENOSYS: before Linux 5.6.
 */
int process_take_fd(const struct process *process, int number);

/* Its cgroup of version 2, below the mount. 0 or -errno; buf: PROCESS_CGROUP_LEN. */
int process_cgroup(const struct process *process, char *buf);
/* Inode number of its network namespace, or 0. */
__u64 process_netns(const struct process *process);

/* Calls cb for each process of this host that can be seen, until it returns other than 0. */
int process_walk(int (*cb)(const struct process *process, void *arg), void *arg);

#endif
