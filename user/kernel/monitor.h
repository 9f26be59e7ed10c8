/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells that something changed which concerns us: devices, addresses, rules, routes
 * of our table, tc filters. Not what: whoever listens looks at everything again, so
 * that a lost message (ENOBUFS) costs nothing but one more look.
 */
#ifndef TPROXY_KERNEL_MONITOR_H
#define TPROXY_KERNEL_MONITOR_H

#include <stdbool.h>

#include "lib/netlink.h"

struct monitor {
	struct nl nl;
	__u32 table;            /* routes of other tables do not matter */
	unsigned long overruns; /* times the kernel dropped messages for us */
};

int monitor_open(struct monitor *ret_monitor, __u32 table);
void monitor_close(struct monitor *monitor);
int monitor_fd(const struct monitor *monitor); /* readable when there may be news */

/* Reads all that waits. 1 something that matters changed, 0 nothing, or -errno. */
int monitor_read(struct monitor *monitor);

#endif
