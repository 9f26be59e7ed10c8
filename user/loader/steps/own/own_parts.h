/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The single steps of own.c, which has their order. Each prints what it does and reports its
 * failure.
 */
#ifndef TPROXY_LOADER_STEPS_OWN_OWN_PARTS_H
#define TPROXY_LOADER_STEPS_OWN_OWN_PARTS_H

#include "kernel/own/own_hook.h"
#include "loader/app/session.h"
#include "loader/steps/own/own_want.h"

/* One run of own_on. */
struct own_run {
	struct session *session;
	const struct own_want *want;
	struct own own; /* closed in a dry run */
	unsigned int changed;
};

/* own_lo.c: the entry, and the program on lo. */
int own_entry_on(struct own_run *run, enum hook hook);
int own_entry_off(struct session *session);
/* HOOK_TCX or HOOK_CLSACT. */
enum hook own_lo_choose(const struct own_run *run);
int own_lo_on(struct own_run *run, enum hook hook);
int own_lo_off(struct session *session);

/* own_cgroup.c: the hooks. */
int own_cgroup_on(struct own_run *run);
int own_cgroup_off(struct session *session, enum own_prog from, enum own_prog to);

/* own_routing.c: rules and routes of each family that has a source address. */
int own_routing_on(struct own_run *run);
int own_routing_off(struct session *session, const struct tproxy_own *config);

#endif
