/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notices at once when cgroups are made again: a service must be left alone before its first
 * connection. Must not know whose they are.
 */
#ifndef TPROXY_KERNEL_OWN_REMADE_H
#define TPROXY_KERNEL_OWN_REMADE_H

#include <stdbool.h>

struct own_remade {
	bool open;
	int fd; /* of inotify */
};

/* From now on the descriptor is readable when the cgroup of this path is made. Best effort. */
void own_remade_watch(struct own_remade *remade, const char *path);

/* For poll(2); -1: nothing is watched. */
int own_remade_fd(const struct own_remade *remade);

/* Before the cgroups are looked up. */
void own_remade_drain(const struct own_remade *remade);

void own_remade_close(struct own_remade *remade);

#endif
