/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives up privileges. To be called before there are threads: capabilities belong
 * to a thread. Must not be needed for anything but starting.
 */
#ifndef TPROXY_RELAY_PROCESS_PRIVS_H
#define TPROXY_RELAY_PROCESS_PRIVS_H

#include <stddef.h>

/*
 * Becomes `user` (empty: tproxy, or else nobody), keeping CAP_NET_RAW only, for
 * good. Without being root just drops the other capabilities. 0 or -errno with
 * one line in ret_why (size bytes).
 */
int privs_drop(const char *user, char *ret_why, size_t size);

/* Keeps the user and loses every capability, for good. Best effort. */
void privs_drop_capabilities(void);

/* Raises the limit of open files as far as we may. Returns it. */
unsigned long privs_raise_nofile(void);

/* Enters the network namespace of that name, and no other kind. 0 or -errno. */
int privs_enter_netns(const char *name);

#endif
