/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which rule takes the options of an attach: `default`, or a rule `default-IF`. The options of
 * one call never reach the interfaces of another. Must not know how options are written.
 */
#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

#include "loader/attach/attach.h"
#include "policy/cover.h"

struct placing {
	struct attach *a;
	struct rule full;         /* the options as a rule of its own; owned */
	struct name_set named;    /* interfaces of this call, as given; owned */
	struct name_set attached; /* with the policy role, before this call; owned */
	bool alone;               /* no other interface is attached */
	bool globs;               /* a glob is given: interfaces may still appear */
	bool unnameable;          /* a rule cannot name one of the interfaces */
};

static void placing_free(struct placing *p)
{
	rule_free(&p->full);
	free(p->named.items);
	free(p->attached.items);
}
#define __cleanup_placing __attribute__((cleanup(placing_free)))

/* ---- what is given and attached ----------------------------------------- */

static int read_attached(struct placing *p)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	const struct session *session = p->a->session;
	size_t n = 0;
	int err;

	p->alone = true;
	if (session->dry_run && session->state.map[MAP_IFACES] < 0)
		return 0;
	err = policy_maps_ifaces(&session->state, &ifaces, &n);
	for (size_t i = 0; i < n && !err; i++) {
		const char *name = (const char *)ifaces[i].value.name;

		if (!(ifaces[i].value.roles & TPROXY_ROLE_POLICY))
			continue;
		p->unnameable |= !policy_ifname_is_valid(name);
		p->alone &= name_set_matches(&p->named, name);
		err = name_set_add(&p->attached, name);
	}
	return err;
}

static int read_situation(struct placing *p)
{
	const struct attach_request *request = p->a->request;
	int err = 0;

	for (size_t i = 0; i < request->n && !err; i++) {
		p->unnameable |= !policy_ifname_is_valid(request->names[i]);
		p->globs |= strpbrk(request->names[i], "*?[") != NULL;
		err = name_set_add(&p->named, request->names[i]);
	}
	if (!err)
		err = read_attached(p);
	if (!err)
		err = rule_options_create(&request->rule, policy_default_rule, TPROXY_ACTION_PROXY,
					  &p->full);
	return err;
}

/* ---- rules that attach made --------------------------------------------- */

static bool is_ours(const struct rule *rule)
{
	size_t len = strlen(policy_default_rule);

	if (!rule_is_proxy(rule) || strncmp(rule->name, policy_default_rule, len))
		return false;
	return !rule->name[len] ||
	       (rule->name[len] == '-' && (rule->interfaces.n || rule->local == TPROXY_LOCAL_ONLY));
}

static bool all_were_attached(const struct attach *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (!a->targets[i].was_attached ||
		    !(a->targets[i].before.roles & TPROXY_ROLE_POLICY))
			return false;
	return a->n > 0;
}

/* True if the rule applies already on every interface of this call. */
static bool is_on_all(const struct placing *p, const struct rule *rule)
{
	if (!rule->interfaces.n)
		return all_were_attached(p->a);
	for (size_t i = 0; i < p->named.n; i++)
		if (!names_cover(&rule->interfaces, p->named.items[i]))
			return false;
	return true;
}

static bool has_all_options(const struct placing *p, const struct rule *rule)
{
	return is_on_all(p, rule) && rule_options_within(&p->a->request->rule, rule);
}

static bool is_for_the_same(const struct placing *p, const struct rule *rule)
{
	return rule->interfaces.n ? name_set_equal(&rule->interfaces, &p->named) : p->alone;
}

static bool is_for_all(const struct placing *p, const struct rule *rule)
{
	return !rule->interfaces.n;
}

static bool does_the_same(const struct placing *p, const struct rule *rule)
{
	return cover_same_flows(&p->full, rule);
}

static int find(const struct placing *p,
		bool (*fits)(const struct placing *p, const struct rule *rule))
{
	const struct policy *policy = &p->a->after;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (is_ours(&policy->rules[i]) && policy->rules[i].local != TPROXY_LOCAL_ONLY &&
		    fits(p, &policy->rules[i]))
			return i;
	return -ENOENT;
}

/* ---- another rule ------------------------------------------------------- */

/* Interface names and globs may have characters that rule names may not. */
static void choose_name(const struct placing *p, char *buf)
{
	char base[TPROXY_NAME_LEN - 4];
	int turn = 1;

	snprintf(buf, TPROXY_NAME_LEN, "%s", policy_default_rule);
	if (p->named.n && policy_find(&p->a->after, buf) < 0)
		return;
	snprintf(base, sizeof(base), "%s-%s", policy_default_rule,
		 p->named.n ? p->named.items[0] : "local");
	for (char *c = base; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			*c = '_';
	snprintf(buf, TPROXY_NAME_LEN, "%s", base);
	while (policy_find(&p->a->after, buf) >= 0)
		snprintf(buf, TPROXY_NAME_LEN, "%s-%d", base, ++turn);
}

/* Limits a rule for every interface to those that are attached now. */
static int limit_default(struct placing *p)
{
	int index = find(p, is_for_all);

	if (index < 0)
		return 0;
	p->a->limited = index;
	return name_set_merge(&p->a->after.rules[index].interfaces, &p->attached);
}

/* "--on-proxy-down pass" alone would make a rule for every TCP port, which is hardly intended. */
static bool names_no_flows(const struct placing *p)
{
	const struct rule_options *o = &p->a->request->rule;

	return !o->has_services && !o->has_to && !o->has_from && find(p, is_on_all) >= 0;
}

static int add_rule(struct placing *p)
{
	struct policy *policy = &p->a->after;
	/* A glob is stored at once: nothing else remembers it when a second rule comes. */
	bool for_all = p->alone && !p->globs && policy_find(policy, policy_default_rule) < 0;
	int err, index = policy_append_index(policy);
	char name[TPROXY_NAME_LEN];

	if (index < 0)
		return index;
	if (names_no_flows(p))
		return -ENOTUNIQ;
	if (p->unnameable && !for_all)
		return -EADDRNOTAVAIL;
	choose_name(p, name);
	err = limit_default(p);
	if (!err)
		err = rule_options_create(&p->a->request->rule, name, TPROXY_ACTION_PROXY,
					  &policy->rules[index]);
	if (!err && !for_all)
		err = name_set_merge(&policy->rules[index].interfaces, &p->named);
	p->a->rule = index;
	return err;
}

/* ---- a rule for own traffic only ---------------------------------------- */

static bool has_these_owners(const struct placing *p, const struct rule *rule)
{
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		if (!owner_set_same(&rule->owners[kind], &p->full.owners[kind]))
			return false;
	return true;
}

/* The options of other owners must not reach these. */
static int place_local(struct placing *p)
{
	struct policy *policy = &p->a->after;
	const struct rule_options *options = &p->a->request->rule;
	char name[TPROXY_NAME_LEN];
	int index;

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		struct rule *rule = &policy->rules[i];

		if (!is_ours(rule) || rule->local != TPROXY_LOCAL_ONLY ||
		    !has_these_owners(p, rule))
			continue;
		p->a->rule = i;
		return rule_options_within(options, rule) ? 0 : rule_options_extend(options, rule);
	}
	index = policy_append_index(policy);
	if (index < 0)
		return index;
	choose_name(p, name);
	p->a->rule = index;
	return rule_options_create(options, name, TPROXY_ACTION_PROXY, &policy->rules[index]);
}

/* ---- the whole ---------------------------------------------------------- */

static int join(struct placing *p, struct rule *rule)
{
	if (!rule->interfaces.n)
		return 0;
	return p->unnameable ? -EADDRNOTAVAIL : name_set_merge(&rule->interfaces, &p->named);
}

static int place(struct placing *p)
{
	struct rule *rules = p->a->after.rules;
	int *ret_rule = &p->a->rule;

	if (!p->named.n)
		return place_local(p);
	*ret_rule = find(p, has_all_options);
	if (*ret_rule >= 0)
		return 0;
	*ret_rule = find(p, does_the_same);
	if (*ret_rule >= 0)
		return join(p, &rules[*ret_rule]);
	*ret_rule = find(p, is_for_the_same);
	if (*ret_rule >= 0)
		return rule_options_extend(&p->a->request->rule, &rules[*ret_rule]);
	return add_rule(p);
}

static const char *cause(int err)
{
	switch (-err) {
	case ENOSPC:
		return "all 64 rules are in use (delete one)";
	case ENOTUNIQ:
		return "other interfaces have it too, and these options name no flows (add --ports "
		       "or --to for a separate rule, or attach all its interfaces at once)";
	case EADDRNOTAVAIL:
		return "a rule cannot name one of the interfaces, and other interfaces have other "
		       "options (give all the same options, or rename the interface)";
	default:
		return strerror(-err);
	}
}

int attach_place_options(struct attach *a)
{
	struct placing p __cleanup_placing = { .a = a };
	int err = read_situation(&p);

	if (!err)
		err = place(&p);
	if (err)
		log_error("rule %s: %s", policy_default_rule, cause(err));
	return err;
}
