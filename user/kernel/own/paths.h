/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cgroups of own-exclude: they are in own_excluded by id, and here by the names that people
 * gave them, so that they can be saved and found again when they are made again. Pinned as
 * internal/own_paths, which only user space reads.
 */
#ifndef TPROXY_KERNEL_OWN_PATHS_H
#define TPROXY_KERNEL_OWN_PATHS_H

#include "kernel/own/exclude.h"
#include "kernel/state/state.h"
#include "policy/owner/owner.h"

#define OWN_PATHS_PIN "internal/own_paths"
#define OWN_PATHS_LEN 16384 /* bytes of all names */

/*
 * Makes these the cgroups of own-exclude in place of those of before. A path that is not there now
 * is no error: see own_paths_follow. 0, -E2BIG: too many, and nothing has changed; or -errno.
 */
int own_paths_set(const struct state *state, const struct own_exclusion *x,
		  const struct owner_set *cgroups);

/* Adds them to a set; without any, it stays as it is. 0 or -errno. */
int own_paths_get(const struct state *state, struct owner_set *set);

/* Enters the present ids of the paths. Cheap if nothing has changed. 0 or -errno. */
int own_paths_follow(const struct state *state, const struct own_exclusion *x);

#endif
