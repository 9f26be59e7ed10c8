/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the data path counts for each rule. The maps are indexed by the number of the rule and
 * shared by both generations, so a policy in which rules have other numbers moves the figures.
 */
#ifndef TPROXY_KERNEL_MAPS_FIGURES_H
#define TPROXY_KERNEL_MAPS_FIGURES_H

#include "kernel/state/state.h"
#include "policy/policy.h"

/*
 * Counters and health of each rule of `to` become those that the rule of this name had in `from`;
 * a new rule counts from zero, even if its number was in use before. 0 or -errno.
 */
int figures_move(const struct state *state, const struct policy *from, const struct policy *to);

#endif
