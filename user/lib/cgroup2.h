/* SPDX-License-Identifier: BSD-2-Clause */
/* Control groups of version 2: where they are mounted, and their ids. Changes nothing. */
#ifndef TPROXY_LIB_CGROUP2_H
#define TPROXY_LIB_CGROUP2_H

#include <linux/types.h>
#include <stddef.h>

/* The directory of the mount. 0, or -ENODEV: there is none. */
int cgroup2_mount(char *buf, size_t size);

/* path: below the mount, with a slash before it, as in /proc/PID/cgroup. 0, -ENODEV or -errno. */
int cgroup2_id(const char *path, __u64 *ret_id);

#endif
