/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps of attach and detach; those for routing are in routing/. Each prints what it does
 * ("[#] …"), does one thing unless the session is a dry run, and reports its own failure in one
 * sentence; callers only pass the -errno on. Every step may be repeated.
 */
#ifndef TPROXY_LOADER_STEPS_STEPS_H
#define TPROXY_LOADER_STEPS_STEPS_H

#include "kernel/hook/hook.h"
#include "kernel/maps/policy_maps.h"
#include "lib/device.h"
#include "loader/app/session.h"

int steps_create_state(struct session *session, const struct tproxy_config *config);
/* Replaces programs of another build by the embedded ones, on every interface, without a gap. */
int steps_replace_build(struct session *session);
/* Every attachment of `state` gets the programs of `next`, which may be `state`; prints nothing. */
int steps_move_programs(struct nl *nl, const struct state *state, const struct state *next);
int steps_remove_state(struct session *session);

int steps_refresh_local(struct session *session);

int steps_lookup_on(struct session *session);
int steps_lookup_off(struct session *session);

/* The ingress of a device as this state sees it, and by which hook our program is there. */
void steps_site(struct session *session, int ifindex, struct hook_site *ret_site);
enum hook steps_hook_present(struct session *session, int ifindex);
/* Does our link still work on a device that left this network namespace? */
bool steps_moved_away(struct session *session, int ifindex);

int steps_hook_on(struct session *session, const struct device *device, enum hook hook,
		  const struct hook_place *place);
int steps_hook_off(struct session *session, int ifindex, const char *name, enum hook hook);
/* Removes the clsact qdisc unless a filter is left on it. */
int steps_qdisc_off(struct session *session, int ifindex, const char *name);

#endif
