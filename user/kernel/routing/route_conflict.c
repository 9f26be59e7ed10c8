/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules and routes of others that use our mark or our table. */
#include "kernel/routing/route.h"

struct conflict {
	__u32 bits;
	struct route_rule rule;
};

static int shares_our_mark(const struct route_rule *rule, void *arg)
{
	struct conflict *conflict = arg;

	if (rule_is_tproxys(rule) || !(rule->mark & conflict->bits))
		return 0;
	conflict->rule = *rule;
	return 1;
}

int route_mark_conflict(struct nl *nl, __u32 bits, char *ret_text, size_t size)
{
	for (size_t i = 0; i < ROUTE_FAMILIES; i++) {
		struct conflict conflict = { .bits = bits };
		int found;

		if (!route_family_present(route_families[i]))
			continue;
		found = route_rules(nl, route_families[i], shares_our_mark, &conflict);
		if (found > 0)
			snprintf(ret_text, size,
				 "mark 0x%x: rule %u already matches fwmark 0x%x/0x%x", bits,
				 conflict.rule.pref, conflict.rule.mark, conflict.rule.mask);
		if (found)
			return found;
	}
	return 0;
}

int route_table_conflict(struct nl *nl, __u32 table, char *ret_text, size_t size)
{
	for (size_t i = 0; i < ROUTE_FAMILIES; i++) {
		struct route_table found;
		int err;

		if (!route_family_present(route_families[i]))
			continue;
		err = route_table_read(nl, route_families[i], table, &found);
		if (err)
			return err;
		if (!found.foreign)
			continue;
		snprintf(ret_text, size, "table %u: it has routes of others", table);
		return 1;
	}
	return 0;
}
