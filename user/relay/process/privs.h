/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives up privileges, at the start only. Call it before there are threads: capabilities belong to
 * a thread. Must not know what the relay does with those that it keeps.
 */
#ifndef TPROXY_RELAY_PROCESS_PRIVS_H
#define TPROXY_RELAY_PROCESS_PRIVS_H

#include <stddef.h>

/*
 * Becomes `user` (empty: tproxy, or nobody if there is none) for good, and keeps CAP_NET_RAW and
 * CAP_NET_BIND_SERVICE only. If we are not root, only drops the other capabilities. 0, or -errno
 * with one line in ret_why (size bytes).
 */
int privs_drop(const char *user, char *ret_why, size_t size);

/* Keeps the user and loses every capability, for good. Best effort. */
void privs_drop_capabilities(void);

/* Raises the limit of open files as far as we may, and returns it. */
unsigned long privs_raise_nofile(void);

/* Enters the network namespace of that name, and no other kind. 0 or -errno. */
int privs_enter_netns(const char *name);

#endif
