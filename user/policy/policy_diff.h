/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs between two policies, in words: rules that come, go, move or change.
 * Rules are the same if they have the same name; their numbers do not matter.
 */
#ifndef TPROXY_POLICY_POLICY_DIFF_H
#define TPROXY_POLICY_POLICY_DIFF_H

#include "policy/policy.h"

enum policy_change_kind {
	CHANGE_RULE_NEW,
	CHANGE_RULE_GONE,
	CHANGE_RULE_MOVED, /* among the rules that both have */
	CHANGE_VALUE_NEW,  /* of `field`; a single value that changes goes and comes */
	CHANGE_VALUE_GONE,
	CHANGE_MAX
};
extern const char *const policy_change_names[CHANGE_MAX];

struct policy_change {
	enum policy_change_kind kind;
	const char *rule;  /* NULL: a key of [loader] */
	const char *field; /* key of the configuration file; NULL for a rule as a whole */
	const char *text;  /* the value */
};

/*
 * Calls cb for each difference, in the order of `to`'s rules; those that went come
 * last. Prefixes and ports are compared by what they mean, not by how they are
 * written. Stops at cb's first non-zero result and returns it; -ENOMEM.
 */
int policy_diff(const struct policy *from, const struct policy *to,
		int (*cb)(const struct policy_change *change, void *arg), void *arg);

#endif
