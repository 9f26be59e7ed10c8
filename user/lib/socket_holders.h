/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All processes that have a descriptor of some sockets, as /proc shows it: the workers of a proxy
 * share its listener. Must not know what the sockets are for.
 */
#ifndef TPROXY_LIB_SOCKET_HOLDERS_H
#define TPROXY_LIB_SOCKET_HOLDERS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Inode numbers; held is set for those of which a process was found. */
struct socket_inode {
	__u32 inode;
	bool held;
};

struct socket_holders {
	struct socket_inode *inodes; /* borrowed; sorted here */
	size_t n_inodes;
	pid_t *pids; /* owned */
	size_t n, room;
};

/*
 * Looks at the first descriptors of every process, and at all of them if a socket was not found. 0,
 * -ENOMEM, -E2BIG: not all descriptors were looked at, or -errno. Processes that cannot be read are
 * skipped.
 */
int socket_holders_find(struct socket_holders *holders);
void socket_holders_free(struct socket_holders *holders);
#define __cleanup_holders __attribute__((cleanup(socket_holders_free)))

#endif
