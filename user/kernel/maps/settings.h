/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a policy says for all its rules together. It is in the config map, goes live with
 * the policy, and is kept in the policy's document for the way back.
 */
#ifndef TPROXY_KERNEL_MAPS_SETTINGS_H
#define TPROXY_KERNEL_MAPS_SETTINGS_H

#include "policy/policy.h"
#include "kernel/state/state.h"

struct settings {
	__u8 unreadable; /* enum tproxy_unreadable */
	__u8 link_local; /* see scope_names_link_local */
};

struct settings settings_of(const struct policy *policy);
struct settings settings_live(const struct state *state);
bool settings_equal(struct settings a, struct settings b);

/* Into a config, in memory only. */
void settings_put(struct settings settings, struct tproxy_config *config);
/* Into the config map of an open state, if it has others. */
int settings_write(struct state *state, struct settings settings);

#endif
