/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers from /proc/sys/net, of the network namespace that this process is in. Reads only. */
#ifndef TPROXY_LOADER_CHECK_TOOLS_SYSCTL_H
#define TPROXY_LOADER_CHECK_TOOLS_SYSCTL_H

#include "lib/util.h"

/* "ipv4/conf/%s/forwarding", below /proc/sys/net. -1 if it is absent or no number. */
long sysctl_number(const char *fmt, ...) __printf(1, 2);

#endif
