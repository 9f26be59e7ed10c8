/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives up privileges, at the start only. Call it before there are threads: capabilities belong to
 * a thread. Must not know what the relay does with those that it keeps.
 */
#ifndef TPROXY_RELAY_PROCESS_PRIVS_H
#define TPROXY_RELAY_PROCESS_PRIVS_H

#include <stdbool.h>
#include <stddef.h>

/* The user that the relay becomes by default does not exist: then it becomes nobody. */
bool privs_user_is_missing(void);

/*
 * Becomes `user` (empty: tproxy, or nobody if there is none) for good, and keeps CAP_NET_RAW and
 * CAP_NET_BIND_SERVICE only. If we are not root, only drops the other capabilities. 0, or -errno
 * with one line in ret_why (size bytes).
 */
int privs_drop(const char *user, char *ret_why, size_t size);

/*
 * Keeps the user and loses every capability, for good, but those that the helper process works
 * with: CAP_NET_RAW (transparent sockets), CAP_NET_BIND_SERVICE (ports below 1024), CAP_NET_ADMIN
 * (receive buffers above net.core.rmem_max) and, if it opens the log file again, CAP_DAC_OVERRIDE
 * (whose directory may belong to another user). Best effort.
 */
void privs_keep_for_helper(bool writes_log);

/* Raises the limit of open files as far as we may, and returns it. */
unsigned long privs_raise_nofile(void);

/* Enters the network namespace of that name, and no other kind. 0 or -errno. */
int privs_enter_netns(const char *name);

#endif
