/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs for own traffic where they run: pinned links of a cgroup, and the ingress of lo.
 * Decides nothing; the order is loader/steps/own.
 */
#ifndef TPROXY_KERNEL_OWN_OWN_HOOK_H
#define TPROXY_KERNEL_OWN_OWN_HOOK_H

#include "kernel/hook/hook.h"
#include "kernel/own/own.h"

#define OWN_IFINDEX 1 /* of lo, in every namespace */

/* ---- cgroup ------------------------------------------------------------- */

/*
 * path: empty: the root of cgroup2; else below that mount, or in the file system. A descriptor, or
 * -ENODEV: cgroup2 is not mounted; -EMEDIUMTYPE: it is no cgroup of version 2; -errno.
 */
int own_cgroup_open(const char *path);

/* The id of the cgroup that the link is on. 0: there is no link, or its cgroup is gone. */
__u64 own_hook_cgroup(const struct state *state, enum own_prog prog);
/* Is there a link, on the cgroup of this directory? False also if its id cannot be found out. */
bool own_hook_is_on(const struct state *state, enum own_prog prog, int cgroup);
/* Does the link, if there is one, run this program? */
bool own_hook_runs(const struct state *state, const struct own *own, enum own_prog prog);

/* Replaces the program in place if the link is there, on that cgroup. 0 or -errno. */
int own_hook_on(const struct state *state, const struct own *own, enum own_prog prog, int cgroup);
/* Gives the link, if there is one, the program of *own. */
int own_hook_move(const struct state *state, const struct own *own, enum own_prog prog);
/* 0 also if there was none. */
int own_hook_off(const struct state *state, enum own_prog prog);

/* ---- lo ----------------------------------------------------------------- */

/* own: NULL: to look or to detach. */
void own_site_make(struct hook_site *ret_site, struct nl *nl, const struct state *state,
		   const struct own *own);

#endif
