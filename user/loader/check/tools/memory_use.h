/* SPDX-License-Identifier: BSD-2-Clause */
/* How much memory sockets have, of what they may have. Pure: takes the text of files in /proc. */
#ifndef TPROXY_LOADER_CHECK_TOOLS_MEMORY_USE_H
#define TPROXY_LOADER_CHECK_TOOLS_MEMORY_USE_H

#include <linux/types.h>

/* In pages. */
struct memory_use {
	__u64 used;
	__u64 pressure; /* from here the kernel saves */
	__u64 most;     /* and here it refuses */
};

/*
 * sockstat: /proc/net/sockstat; protocol: "TCP", "UDP"; limits: the sysctl tcp_mem or udp_mem.
 * 0, or -EINVAL: it cannot be read.
 */
int memory_use_parse(const char *sockstat, const char *protocol, const char *limits,
		     struct memory_use *ret_use);

#endif
