/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows that something changed which concerns us: devices, addresses, rules, routes of our table,
 * tc filters. It does not show which of them: the caller checks all again, so that a lost message
 * (ENOBUFS) only costs one more check.
 */
#ifndef TPROXY_KERNEL_MONITOR_H
#define TPROXY_KERNEL_MONITOR_H

#include <stdbool.h>

#include "lib/netlink.h"

struct monitor {
	struct nl nl;
	__u32 table;            /* routes of other tables are ignored */
	unsigned long overruns; /* how often the kernel dropped messages */
};

int monitor_open(struct monitor *ret_monitor, __u32 table);
void monitor_close(struct monitor *monitor);
int monitor_fd(const struct monitor *monitor); /* readable when something may have changed */

/* Reads all pending messages. 1: something that concerns us changed, 0: nothing, or -errno. */
int monitor_read(struct monitor *monitor);

#endif
