/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Follows the first packet of flows through the chains, as the kernel does, and writes down what
 * each set of flows meets. Marks are known: such a packet starts without one.
 */
#ifndef TPROXY_POLICY_IMPORT_WALK_WALK_H
#define TPROXY_POLICY_IMPORT_WALK_WALK_H

#include "policy/import/ipt/ruleset.h"
#include "policy/import/walk/walk_result.h"

/* Walks for one family. 0 or -ENOMEM. */
int walk_routed(struct ruleset *rules, __u8 family, struct walk_result *result);
int walk_own(struct ruleset *rules, __u8 family, struct walk_result *result);

#endif
