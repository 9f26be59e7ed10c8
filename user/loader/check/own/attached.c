/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are there rules for own traffic, is it attached, and are there the users, groups and cgroups that
 * these rules name?
 */
#include "kernel/maps/policy_maps.h"
#include "loader/check/list.h"
#include "loader/edit/owners.h"

static void report_not_attached(struct checkup *c, const struct rule *rule)
{
	struct problem *p =
		problem_add(&c->problems, "own-not-attached", VERDICT_DEGRADED, NULL, rule->name);

	problem_text(p,
		     "the rule says local = %s, but own traffic is not attached: what this host "
		     "sends itself is not intercepted",
		     policy_local_names[rule->local]);
	problem_next(p, "tproxy-loader attach --local; or give the rule local = no");
}

/* ---- owners ------------------------------------------------------------- */

static void report_owner(struct checkup *c, const struct rule *rule, enum tproxy_owner_kind kind,
			 const struct owner_item *item)
{
	struct problem *p;
	__u64 id = 0;
	bool there = !owners_find_id(kind, item->name, &id);
	char text[OWNER_TEXT_LEN];

	if (there && item->known && id == item->first)
		return;
	p = problem_add(&c->problems, "owner-gone", VERDICT_DEGRADED, NULL, rule->name);
	problem_text(p, "%s %s %s: the rule does not see its traffic", owner_kind_names[kind],
		     owner_text(item, text),
		     there ? "has another id now than when the rule was applied" :
			     "does not exist");
	if (there)
		problem_next(p, "tproxy-loader apply FILE; tproxy-loader watch follows cgroups");
	else
		problem_next(p, "create it and apply the file again, or take it out of the rule");
}

/* Ids without a name may be used by nobody yet. */
static void check_owners(struct checkup *c, const struct rule *rule)
{
	for (enum tproxy_owner_kind kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		for (size_t i = 0; i < rule->owners[kind].n; i++)
			if (rule->owners[kind].items[i].name)
				report_owner(c, rule, kind, &rule->owners[kind].items[i]);
}

/* ---- all ---------------------------------------------------------------- */

static void note_devices(struct checkup *c)
{
	__u64 counters[TPROXY_COUNT_MAX];

	if (policy_maps_counters(&c->session->state, counters))
		return;
	if (counters[TPROXY_COUNT_OWN_DEVICE])
		checkup_evidence(c, "%llu calls of sockets that are bound to a device",
				 (unsigned long long)counters[TPROXY_COUNT_OWN_DEVICE]);
	if (counters[TPROXY_COUNT_OWN_FULL])
		checkup_evidence(c, "%llu datagrams had no token",
				 (unsigned long long)counters[TPROXY_COUNT_OWN_FULL]);
}

void check_own_attached(struct checkup *c)
{
	const struct checked_iface *lo = checkup_own(c);
	unsigned int rules = 0;

	if (c->ifname && !lo)
		return; /* another interface is asked about */
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &c->policy.rules[i];

		if (!rule_is_local(rule))
			continue;
		rules++;
		if (!lo)
			report_not_attached(c, rule);
		check_owners(c, rule);
	}
	if (!lo) {
		checkup_evidence(c, "not attached");
		return;
	}
	checkup_evidence(c,
			 rules ? "%u rules" :
				 "attached, but no rule says local = yes: nothing "
				 "is intercepted",
			 rules);
	note_devices(c);
}
