/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/policy.h"

#include <ctype.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/util.h"

const char *const policy_action_names[TPROXY_ACTION_MAX] = {
	[TPROXY_ACTION_PROXY] = "proxy", [TPROXY_ACTION_PASS] = "pass",
	[TPROXY_ACTION_DROP] = "drop",   [TPROXY_ACTION_RESET] = "reset",
	[TPROXY_ACTION_AUDIT] = "audit",
};
const char *const policy_on_down_names[TPROXY_ON_DOWN_MAX] = {
	[TPROXY_ON_DOWN_DROP] = "drop",
	[TPROXY_ON_DOWN_PASS] = "pass",
	[TPROXY_ON_DOWN_RESET] = "reset",
};
const char *const policy_unrouted_names[TPROXY_UNROUTED_MAX] = {
	[TPROXY_UNROUTED_PASS] = "pass",
	[TPROXY_UNROUTED_PROXY] = "proxy",
};
const char *const policy_local_names[TPROXY_LOCAL_MAX] = {
	[TPROXY_LOCAL_NO] = "no",
	[TPROXY_LOCAL_YES] = "yes",
	[TPROXY_LOCAL_ONLY] = "only",
};
const char *const policy_unreadable_names[TPROXY_UNREADABLE_MAX] = {
	[TPROXY_UNREADABLE_DROP] = "drop",
	[TPROXY_UNREADABLE_PASS] = "pass",
};
const char *const policy_proto_names[POLICY_PROTO_MAX] = {
	[POLICY_TCP] = "tcp",
	[POLICY_UDP] = "udp",
	[POLICY_TCP_UDP] = "tcp+udp",
};
const char policy_default_rule[] = "default";

/* As dev_valid_name() of the kernel, without what would be something else in a file. */
bool policy_ifname_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= TPROXY_IFNAME_LEN || !strcmp(name, ".") || !strcmp(name, "..") ||
	    *name == '[')
		return false;
	for (size_t i = 0; i < len; i++)
		if (strchr("/:;,#=", name[i]) || !isgraph((unsigned char)name[i]))
			return false;
	return true;
}

bool rule_is_proxy(const struct rule *rule)
{
	return rule->used && rule->action == TPROXY_ACTION_PROXY;
}

bool rule_forwards(const struct rule *rule)
{
	return rule->used &&
	       (rule->action == TPROXY_ACTION_PASS || rule->action == TPROXY_ACTION_AUDIT);
}

bool rule_is_on(const struct rule *rule, const char *ifname)
{
	return rule->used && rule->local != TPROXY_LOCAL_ONLY &&
	       (!rule->interfaces.n || name_set_matches(&rule->interfaces, ifname));
}

bool rule_is_local(const struct rule *rule)
{
	return rule->used && rule->local != TPROXY_LOCAL_NO;
}

tproxy_mask policy_used_rules(const struct policy *policy)
{
	tproxy_mask mask = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (policy->rules[i].used)
			mask |= 1ULL << i;
	return mask;
}

tproxy_mask policy_audits(const struct policy *policy)
{
	tproxy_mask mask = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (policy->rules[i].used && policy->rules[i].action == TPROXY_ACTION_AUDIT)
			mask |= 1ULL << i;
	return mask;
}

tproxy_mask policy_rules_on(const struct policy *policy, const char *ifname)
{
	tproxy_mask mask = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (rule_is_on(&policy->rules[i], ifname))
			mask |= 1ULL << i;
	return mask;
}

tproxy_mask policy_local_rules(const struct policy *policy)
{
	tproxy_mask mask = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (rule_is_local(&policy->rules[i]))
			mask |= 1ULL << i;
	return mask;
}

tproxy_mask policy_iface_rules(const struct policy *policy, const struct tproxy_iface *iface)
{
	tproxy_mask mask = 0;

	if (iface->roles & TPROXY_ROLE_POLICY)
		mask |= policy_rules_on(policy, (const char *)iface->name);
	if (iface->roles & TPROXY_ROLE_LOCAL)
		mask |= policy_local_rules(policy);
	return mask;
}

/* ---- policy ------------------------------------------------------------- */

int policy_find(const struct policy *policy, const char *name)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (policy->rules[i].used && !strcmp(policy->rules[i].name, name))
			return i;
	return -ENOENT;
}

int policy_append_index(const struct policy *policy)
{
	int index = TPROXY_MAX_RULES;

	while (index > 0 && !policy->rules[index - 1].used)
		index--;
	return index < TPROXY_MAX_RULES ? index : -ENOSPC;
}

int policy_make_room(struct policy *policy, int index)
{
	int hole = index;

	while (hole < TPROXY_MAX_RULES && policy->rules[hole].used)
		hole++;
	if (hole == TPROXY_MAX_RULES)
		return -ENOSPC;
	memmove(&policy->rules[index + 1], &policy->rules[index],
		(size_t)(hole - index) * sizeof(policy->rules[0]));
	policy->rules[index] = (struct rule){ 0 };
	return 0;
}

bool policy_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= TPROXY_NAME_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			return false;
	return true;
}

void rule_free(struct rule *rule)
{
	free(rule->to.items);
	free(rule->from.items);
	free(rule->services.items);
	free(rule->interfaces.items);
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		owner_set_free(&rule->owners[kind]);
	*rule = (struct rule){ 0 };
}

void policy_free(struct policy *policy)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		rule_free(&policy->rules[i]);
}

/* A copy of n items, or NULL; n = 0 gives NULL and is no failure. */
static void *copy_items(const void *items, size_t n, size_t size, int *err)
{
	void *copy = n ? reallocarray(NULL, n, size) : NULL;

	if (n && !copy)
		*err = -ENOMEM;
	else if (n)
		memcpy(copy, items, n * size);
	return copy;
}

static int copy_owners(const struct rule *from, struct rule *copy)
{
	int err = 0;

	memset(copy->owners, 0, sizeof(copy->owners));
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && !err; kind++)
		err = owner_set_merge(&copy->owners[kind], &from->owners[kind]);
	return err;
}

static int rule_copy(const struct rule *from, struct rule *ret_to)
{
	struct rule copy = *from;
	int err = copy_owners(from, &copy);

	copy.to.items = copy_items(from->to.items, from->to.n, sizeof(*from->to.items), &err);
	copy.from.items =
		copy_items(from->from.items, from->from.n, sizeof(*from->from.items), &err);
	copy.services.items = copy_items(from->services.items, from->services.n,
					 sizeof(*from->services.items), &err);
	copy.interfaces.items = copy_items(from->interfaces.items, from->interfaces.n,
					   sizeof(*from->interfaces.items), &err);
	copy.to.room = copy.to.n;
	copy.from.room = copy.from.n;
	copy.services.room = copy.services.n;
	copy.interfaces.room = copy.interfaces.n;
	if (err)
		rule_free(&copy);
	else
		*ret_to = copy;
	return err;
}

int policy_copy(const struct policy *from, struct policy *ret_to)
{
	struct policy copy = { .unreadable = from->unreadable };

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		int err = rule_copy(&from->rules[i], &copy.rules[i]);

		if (err) {
			policy_free(&copy);
			return err;
		}
	}
	*ret_to = copy;
	return 0;
}
