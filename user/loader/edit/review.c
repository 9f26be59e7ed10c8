/* SPDX-License-Identifier: BSD-2-Clause */
/* Warnings about a configuration that has no errors. */
#include "loader/edit/review.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/addrset.h"
#include "lib/cgroup2.h"
#include "lib/log.h"
#include "policy/cover.h"
#include "policy/scope.h"
#include "policy/shadow/shadow.h"

#define SHOWN 4 /* of a list, before the rest is only counted */

struct review {
	struct conffile_report *report;
	const char *name;
	const struct config *config;
};

/* ---- interfaces --------------------------------------------------------- */

static bool is_covered(const struct config *config, const char *glob)
{
	return strcmp(glob, "lo") && names_may_meet(&config->interfaces, glob);
}

static void review_interfaces(const struct review *r, int index)
{
	const struct rule *rule = &r->config->policy.rules[index];
	char missing[SHOWN * TPROXY_IFNAME_LEN + 32] = "";
	size_t n = 0, len = 0;

	for (size_t i = 0; i < rule->interfaces.n; i++) {
		if (is_covered(r->config, rule->interfaces.items[i]))
			continue;
		if (n++ < SHOWN)
			len += (size_t)snprintf(missing + len, sizeof(missing) - len, "%s%s",
						len ? " " : "", rule->interfaces.items[i]);
	}
	if (n > SHOWN)
		snprintf(missing + len, sizeof(missing) - len, " and %zu more", n - SHOWN);
	if (n)
		conffile_warn(r->report, r->name, r->config->rule_lines[index],
			      "[rule %s]: %s: not covered by interfaces in [loader]: the rule %s",
			      rule->name, missing,
			      n == rule->interfaces.n &&
					      !(rule_is_local(rule) && r->config->local) ?
				      "never matches" :
				      "does not match there");
}

/* ---- own traffic -------------------------------------------------------- */

static void review_own(const struct review *r)
{
	const struct policy *policy = &r->config->policy;

	for (int i = 0; i < TPROXY_MAX_RULES && !r->config->local; i++)
		if (rule_is_local(&policy->rules[i]))
			conffile_warn(
				r->report, r->name, r->config->rule_lines[i],
				"[rule %s]: local = %s, but not in [loader] (local = yes): the "
				"rule %s",
				policy->rules[i].name, policy_local_names[policy->rules[i].local],
				policy->rules[i].local == TPROXY_LOCAL_ONLY ?
					"never matches" :
					"does not match own traffic");
	if (r->config->local && !policy_local_rules(policy))
		conffile_warn(r->report, r->name, 1,
			      "[loader]: local = yes, but no rule has it: own traffic is left "
			      "alone (local = yes in a [rule])");
}

/* ---- rules that never match --------------------------------------------- */

static void review_shadows(const struct review *r)
{
	const struct policy *policy = &r->config->policy;
	struct shadow shadows[TPROXY_MAX_RULES];
	int err = shadow_find(policy, shadows);
	char why[256];

	if (err) {
		log_debug("%s: not checked for rules that never match: %s", r->name,
			  err == -E2BIG ? "too many prefixes" : strerror(-err));
		return;
	}
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (shadows[i].kind != SHADOW_NONE)
			conffile_warn(r->report, r->name, r->config->rule_lines[i],
				      "[rule %s]: can never match: %s", policy->rules[i].name,
				      shadow_format(policy, &shadows[i], why, sizeof(why)));
}

static void review_excluded(const struct review *r)
{
	const struct owner_set *set = &r->config->own_exclude;
	__u64 id;

	for (size_t i = 0; i < set->n; i++)
		if (set->items[i].name && cgroup2_id(set->items[i].name, &id) == -ENOENT)
			conffile_warn(r->report, r->name, r->config->own_exclude_line,
				      "own-exclude = %.120s: no such cgroup now; it is left alone "
				      "once it is there (watch, or apply again)",
				      set->items[i].name);
}

void review_config(struct conffile_report *report, const char *name, const struct config *config)
{
	const struct review r = { report, name, config };

	for (int i = 0; i < TPROXY_MAX_RULES && config->interfaces.n; i++)
		if (config->policy.rules[i].used)
			review_interfaces(&r, i);
	review_own(&r);
	review_excluded(&r);
	review_shadows(&r);
}

/* ---- addresses of this host --------------------------------------------- */

static bool is_own(const struct prefix *prefix, const struct addrset *local)
{
	struct addrset_key key;

	if (prefix->len != (prefix->family == AF_INET ? 32 : 128) || scope_never_forwarded(prefix))
		return false;
	addrset_key(prefix->family, prefix->addr, &key);
	return addrset_has(local, &key);
}

static void review_destinations(const struct review *r, int index, const struct addrset *local)
{
	const struct rule *rule = &r->config->policy.rules[index];
	char text[PREFIX_TEXT_LEN];
	size_t n = 0;

	for (size_t i = 0; i < rule->to.n; i++)
		if (is_own(&rule->to.items[i], local) && ++n <= SHOWN)
			conffile_warn(r->report, r->name, r->config->rule_lines[index],
				      "[rule %s]: %s never matches: it is an address of this host "
				      "(a [pool] maps one to a server)",
				      rule->name, prefix_format(&rule->to.items[i], text));
	if (n > SHOWN)
		conffile_warn(r->report, r->name, r->config->rule_lines[index],
			      "[rule %s]: %zu more destinations are addresses of this host",
			      rule->name, n - SHOWN);
}

void review_addresses(struct conffile_report *report, const char *name, const struct config *config,
		      struct nl *nl)
{
	const struct review r = { report, name, config };
	struct addrset local = { 0 };
	int err = addrset_read(&local, nl);

	if (err)
		log_debug("%s: addresses of this host: %s", name, strerror(-err));
	/* A flow that a pass or audit rule does not match passes as well. */
	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++)
		if (config->policy.rules[i].used && !rule_forwards(&config->policy.rules[i]))
			review_destinations(&r, i, &local);
	addrset_free(&local);
}
