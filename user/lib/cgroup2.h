/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control groups of version 2: where they are mounted, their ids, and who is in them. Changes
 * nothing.
 */
#ifndef TPROXY_LIB_CGROUP2_H
#define TPROXY_LIB_CGROUP2_H

#include <linux/types.h>
#include <stddef.h>
#include <sys/types.h>

/* The directory of the mount. 0, or -ENODEV: there is none. */
int cgroup2_mount(char *buf, size_t size);

/* The part of a path below a mount of cgroup2: of any of them. The path itself if it has none. */
const char *cgroup2_below_mount(const char *path);

/* path: below the mount, with a slash before it, as in /proc/PID/cgroup. 0, -ENODEV or -errno. */
int cgroup2_id(const char *path, __u64 *ret_id);
/* The same of an open directory. */
int cgroup2_id_of(int fd, __u64 *ret_id);

/* Of a process, as in /proc/PID/cgroup. 0, -ENODEV: it is in none, -ENAMETOOLONG or -errno. */
int cgroup2_of(pid_t pid, char *buf, size_t size);

/*
 * The path below the mount of the cgroup with this id, which is empty for the root. Takes
 * CAP_DAC_READ_SEARCH. -ENOENT or -ESTALE: there is none (any more).
 */
int cgroup2_path(__u64 id, char *buf, size_t size);

/* path: below the mount. Its directory, for openat(2); or -errno. */
int cgroup2_open(const char *path);

#endif
