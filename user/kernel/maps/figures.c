/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/figures.h"

#include "kernel/maps/health.h"
#include "kernel/maps/policy_maps.h"

int figures_move(const struct state *state, const struct policy *from, const struct policy *to)
{
	struct tproxy_rulestat stats[TPROXY_MAX_RULES];
	int was[TPROXY_MAX_RULES];
	int err = 0;

	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		was[i] = to->rules[i].used ? policy_find(from, to->rules[i].name) : i;
		err = policy_maps_rulestat(state, (__u32)i, &stats[i]);
	}
	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++)
		if (was[i] != i)
			err = policy_maps_set_rulestat(state, (__u32)i,
						       was[i] < 0 ? NULL : &stats[was[i]]);
	return err ? err : health_move(state, was);
}
