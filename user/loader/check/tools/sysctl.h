/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads sysctls of the network namespace that this process is in. Writes none. */
#ifndef TPROXY_LOADER_CHECK_TOOLS_SYSCTL_H
#define TPROXY_LOADER_CHECK_TOOLS_SYSCTL_H

#include <linux/types.h>

#include "lib/util.h"

/*
 * name: "net/ipv4/tcp_mem". Up to n numbers, separated by blanks, into values. How many there are,
 * or -errno: -ENOENT: this kernel or this namespace does not have it.
 */
int sysctl_numbers(const char *name, __u64 *values, size_t n);

/* "ipv4/conf/%s/forwarding", below /proc/sys/net. -1 if it is absent or no number. */
long sysctl_number(const char *fmt, ...) __printf(1, 2);

#endif
