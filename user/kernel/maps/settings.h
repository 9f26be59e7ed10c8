/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings of a policy that concern all its rules. They are in the config map, go live with
 * the policy, and are recorded with what was applied (applied.h) for a rollback.
 */
#ifndef TPROXY_KERNEL_MAPS_SETTINGS_H
#define TPROXY_KERNEL_MAPS_SETTINGS_H

#include "kernel/state/state.h"
#include "policy/policy.h"

struct settings {
	__u8 unreadable; /* enum tproxy_unreadable */
	__u8 link_local; /* see scope_names_link_local */
	__u8 audit;      /* see policy_audits */
};

struct settings settings_of(const struct policy *policy);
struct settings settings_live(const struct state *state);
bool settings_equal(struct settings a, struct settings b);

/* Into a config in memory. */
void settings_put(struct settings settings, struct tproxy_config *config);
/* Into the config map of an open state, if they differ. */
int settings_write(struct state *state, struct settings settings);

#endif
