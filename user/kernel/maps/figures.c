/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/figures.h"

#include "kernel/maps/health.h"
#include "kernel/maps/policy_maps.h"

/* ret_was[i]: the number that rule i of `to` had in `from`, negative if it is new. */
static bool find_moves(const struct policy *from, const struct policy *to,
		       int ret_was[TPROXY_MAX_RULES])
{
	bool moves = false;

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		ret_was[i] = to->rules[i].used ? policy_find(from, to->rules[i].name) : i;
		moves |= ret_was[i] != i;
	}
	return moves;
}

int figures_move(const struct state *state, const struct policy *from, const struct policy *to)
{
	struct tproxy_rulestat stats[TPROXY_MAX_RULES];
	int was[TPROXY_MAX_RULES];
	int err = 0;

	if (!find_moves(from, to, was))
		return 0;
	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++)
		err = policy_maps_rulestat(state, (__u32)i, &stats[i]);
	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++)
		if (was[i] != i)
			err = policy_maps_set_rulestat(state, (__u32)i,
						       was[i] < 0 ? NULL : &stats[was[i]]);
	return err ? err : health_move(state, was);
}
