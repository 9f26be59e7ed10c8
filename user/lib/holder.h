/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that hold something others need: a lock of flock(2), according to /proc, or a socket
 * (listeners.h). Changes nothing.
 */
#ifndef TPROXY_LIB_HOLDER_H
#define TPROXY_LIB_HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

struct holder {
	pid_t pid; /* 0: none, or a process that cannot be seen from here */
	uid_t uid; /* the real one: a set-uid program may inherit another user's descriptor */
	char comm[32];
	bool stopped; /* by a signal, or by a debugger */
};

/* The holder of the file or directory of fd. Of several, prefers one of root or of our own user. */
void holder_find(int fd, struct holder *ret_holder);

/* Describes a process from /proc; its name is made printable. False: it is gone. */
bool holder_describe(pid_t pid, struct holder *ret_holder);

/* Is it a process of root or of our own user? */
bool holder_is_trusted(const struct holder *holder);

#endif
