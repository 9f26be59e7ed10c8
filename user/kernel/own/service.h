/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cgroups of services that are nothing but a proxy: excluded by id, and once more when systemd
 * makes them again under the same path. Knows systemd's names of cgroups only.
 */
#ifndef TPROXY_KERNEL_OWN_SERVICE_H
#define TPROXY_KERNEL_OWN_SERVICE_H

#include "kernel/own/exclude.h"

#define OWN_SERVICES_MAX 32

struct own_services {
	char *paths[OWN_SERVICES_MAX]; /* of cgroups; owned */
	__u64 ids[OWN_SERVICES_MAX];
	unsigned int n;
};

/* The cgroup of a process that is excluded: notes it if all that is in it is excluded, too. */
void own_service_note(const struct own_exclusion *x, pid_t pid, struct own_services *services);

/* Enters the cgroups that were made again. */
void own_service_follow(const struct own_exclusion *x, struct own_services *services);

void own_services_free(struct own_services *services);

#endif
