/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cgroups of services that are nothing but a proxy: excluded by id, and again when systemd makes them
 * anew under the same path. Knows systemd's names of cgroups only.
 */
#ifndef TPROXY_KERNEL_OWN_SERVICE_H
#define TPROXY_KERNEL_OWN_SERVICE_H

#include "kernel/own/exclude.h"
#include "kernel/own/proxies.h"

/* The cgroup of a process that is excluded: notes it if all that is in it is excluded, too. */
void own_service_note(const struct own_exclusion *x, pid_t pid, struct own_proxies *proxies);

/* Enters the cgroups that were made again. */
void own_service_follow(const struct own_exclusion *x, struct own_proxies *proxies);

#endif
