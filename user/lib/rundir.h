/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory /run/tproxy, which belongs to root: locks of the loader, and the sockets by which
 * processes of this host find a running relay. Members of group tproxy may enter it, and nobody else
 * may, so a name in it cannot be taken by another user. Must not know what is said on a socket.
 */
#ifndef TPROXY_LIB_RUNDIR_H
#define TPROXY_LIB_RUNDIR_H

#include <stdbool.h>
#include <sys/types.h>

#define RUNDIR "/run/tproxy"
#define RUNDIR_GROUP "tproxy"

/*
 * Another directory instead of RUNDIR, for the whole process. It has to exist, and to belong to
 * root or to us; the sockets in it are for its owner only. Borrows dir.
 */
void rundir_choose(const char *dir);

/* The directory that is in use, for messages. */
const char *rundir_path(void);

/*
 * Creates RUNDIR if it is missing. A descriptor that the caller closes, or -errno; -EUCLEAN:
 * another user could change what is in it.
 */
int rundir_open(void);

/* Who may connect to a socket. */
enum rundir_access { RUNDIR_ROOT, RUNDIR_MEMBERS /* root and group tproxy */ };

/*
 * A non-blocking SOCK_SEQPACKET socket that listens at NAME. A socket there that nobody serves is
 * replaced. A descriptor, or -errno; -EADDRINUSE: another process serves it. Peers see the
 * credentials of this process as it is now (SO_PEERCRED).
 */
int rundir_listen(const char *name, enum rundir_access access);

/*
 * A blocking socket that is connected to NAME, or -errno; -ECONNREFUSED, -ENOENT: nobody serves it;
 * -EAGAIN: its queue has been full for RUNDIR_PATIENCE_S.
 */
int rundir_connect(const char *name);
#define RUNDIR_PATIENCE_S 5

/*
 * Does a process serve the socket NAME? Does not wait. *ret_pid: the one that made it listen; 0 if
 * that is unknown.
 */
bool rundir_is_served(const char *name, pid_t *ret_pid);

/* Removes the socket NAME if nobody serves it any more. Best effort. */
void rundir_forget(const char *name);

#endif
