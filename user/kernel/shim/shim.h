/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program that answers SO_ORIGINAL_DST (bpf/shim.bpf.c), on cgroups: attached by links pinned
 * as links/shim_N, where N is the id of the cgroup. The map internal/shims remembers the paths,
 * because a link dies with its cgroup. Reports nothing.
 */
#ifndef TPROXY_KERNEL_SHIM_SHIM_H
#define TPROXY_KERNEL_SHIM_SHIM_H

#include "kernel/state/state.h"

#define SHIM_PATH_LEN 256
#define SHIM_MAX 64

struct shim {
	char path[SHIM_PATH_LEN]; /* of the cgroup, below the mount of cgroup2 */
	__u64 id;                 /* of the cgroup when it was attached */
	bool adopted;             /* belongs to an adopted program, and ends with its adoption */
	bool alive;               /* it is attached to the cgroup that has this path now */
};

/* 0, also if it is attached already (*ret_made is false then), or -errno; -ENODEV: no cgroup2. */
int shim_on(const struct state *state, const char *path, bool adopted, bool *ret_made);
/* 0, also if there is none (*ret_was is false then), or -errno. */
int shim_off(const struct state *state, const char *path, bool *ret_was);
/* ret_shims: room for SHIM_MAX. Returns their number or -errno. */
int shim_list(const struct state *state, struct shim *ret_shims);

/*
 * A path as others write it: below the mount, or with the mount before it; without a slash at its
 * end. 0, -ENAMETOOLONG or -EINVAL. ret_path: SHIM_PATH_LEN.
 */
int shim_path(const char *text, char *ret_path);

#endif
