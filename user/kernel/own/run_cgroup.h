/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cgroups of `run`: directories tproxy.run, for whose processes all rules are meant, and
 * tproxy.not, whose processes are left alone. They may be anywhere below the cgroup of the hooks;
 * each has the limits of the cgroup it is in. Only those that root made count. Must not know who
 * may use them.
 */
#ifndef TPROXY_KERNEL_OWN_RUN_CGROUP_H
#define TPROXY_KERNEL_OWN_RUN_CGROUP_H

#include <stdbool.h>

#include "kernel/own/exclude.h"

enum own_run { OWN_RUN_IN, OWN_RUN_OUT, OWN_RUN_MAX };
extern const char *const own_run_names[OWN_RUN_MAX];

/*
 * Makes DIR/NAME unless it is there, and enters it in the map. parent: below the mount, "" for the
 * root. ret_path: PATH_MAX bytes. 0, -EPERM: another user made it, -E2BIG: the map is full, or
 * -errno.
 */
int own_run_make(const struct own_exclusion *x, enum own_run kind, const char *parent,
		 char *ret_path);

/*
 * Enters all that are there, after the maps were made. 0 or -errno; -E2BIG: there are too many
 * cgroups to look at all.
 */
int own_run_find(const struct own_exclusion *x);

/* Removes those that have no process and that only root may use, and forgets those gone. */
void own_run_tidy(const struct own_exclusion *x);

#endif
