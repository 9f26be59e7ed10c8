/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/policy.h"

#include <ctype.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/util.h"

const char *const policy_action_names[TPROXY_ACTION_MAX] = {
	[TPROXY_ACTION_PROXY] = "proxy",
	[TPROXY_ACTION_PASS] = "pass",
	[TPROXY_ACTION_DROP] = "drop",
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

int prefix_set_append(struct prefix_set *set, const struct prefix *prefix)
{
	int err = array_room((void **)&set->items, set->n, &set->room, sizeof(*set->items));

	if (!err)
		set->items[set->n++] = *prefix;
	return err;
}

int prefix_set_add(struct prefix_set *set, const struct prefix *prefix)
{
	for (size_t i = 0; i < set->n; i++)
		if (!prefix_cmp(&set->items[i], prefix))
			return 0;
	return prefix_set_append(set, prefix);
}

static int prefix_order(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

void prefix_set_sort(struct prefix_set *set)
{
	size_t kept = 0;

	if (!set->n)
		return;
	qsort(set->items, set->n, sizeof(*set->items), prefix_order);
	for (size_t i = 1; i < set->n; i++)
		if (prefix_cmp(&set->items[kept], &set->items[i]))
			set->items[++kept] = set->items[i];
	set->n = kept + 1;
}

int prefix_set_add_all(struct prefix_set *set)
{
	static const struct prefix all4 = { .family = AF_INET };
	static const struct prefix all6 = { .family = AF_INET6 };
	int err = prefix_set_add(set, &all4);

	return err ? err : prefix_set_add(set, &all6);
}

int prefix_set_merge(struct prefix_set *to, const struct prefix_set *from)
{
	for (size_t i = 0; i < from->n; i++) {
		int err = prefix_set_add(to, &from->items[i]);

		if (err)
			return err;
	}
	return 0;
}

int prefix_set_del(struct prefix_set *set, const struct prefix *prefix)
{
	for (size_t i = 0; i < set->n; i++) {
		if (prefix_cmp(&set->items[i], prefix))
			continue;
		memmove(&set->items[i], &set->items[i + 1], (--set->n - i) * sizeof(*set->items));
		return 0;
	}
	return -ENOENT;
}

bool prefix_set_is_all(const struct prefix_set *set)
{
	bool all4 = false, all6 = false;

	for (size_t i = 0; i < set->n; i++) {
		all4 |= set->items[i].len == 0 && set->items[i].family == AF_INET;
		all6 |= set->items[i].len == 0 && set->items[i].family == AF_INET6;
	}
	return all4 && all6;
}

/* Services of a set never overlap and never touch: adding joins what meets. */
int service_set_add(struct service_set *set, __u8 proto, struct port_range range)
{
	struct service_set next = { 0 };
	int err = 0;

	for (size_t i = 0; i < set->n && !err; i++) {
		struct service *s = &set->items[i];
		bool wild = !s->range.first || !range.first;

		if (s->proto == proto && !wild && s->range.first <= range.last + 1 &&
		    range.first <= s->range.last + 1) {
			if (s->range.first < range.first)
				range.first = s->range.first;
			if (s->range.last > range.last)
				range.last = s->range.last;
			continue;
		}
		if (s->proto == proto && s->range.first == range.first)
			continue; /* both mean every port */
		err = array_room((void **)&next.items, next.n, &next.room, sizeof(*next.items));
		if (!err)
			next.items[next.n++] = *s;
	}
	if (!err)
		err = array_room((void **)&next.items, next.n, &next.room, sizeof(*next.items));
	if (err) {
		free(next.items);
		return err;
	}
	next.items[next.n++] = (struct service){ .proto = proto, .range = range };
	free(set->items);
	*set = next;
	return 0;
}

int service_set_merge(struct service_set *to, const struct service_set *from)
{
	for (size_t i = 0; i < from->n; i++) {
		int err = service_set_add(to, from->items[i].proto, from->items[i].range);

		if (err)
			return err;
	}
	return 0;
}

/* Adds the entries of `from` that name no protocol, as those of `proto`. */
static int add_unnamed(struct service_set *to, const struct service_set *from, __u8 proto)
{
	int err = 0;

	for (size_t i = 0; i < from->n && !err; i++)
		if (!from->items[i].proto)
			err = service_set_add(to, proto, from->items[i].range);
	return err;
}

int service_set_resolve(struct service_set *to, const struct service_set *from, int protos)
{
	struct service every_port = { 0 };
	const struct service_set all = { .items = &every_port, .n = 1 };
	int err = 0;

	if (!from)
		from = &all;
	for (size_t i = 0; i < from->n && !err; i++)
		if (from->items[i].proto)
			err = service_set_add(to, from->items[i].proto, from->items[i].range);
	if (!err && (protos & POLICY_TCP))
		err = add_unnamed(to, from, IPPROTO_TCP);
	if (!err && (protos & POLICY_UDP))
		err = add_unnamed(to, from, IPPROTO_UDP);
	return err;
}

/* Cuts `range` out of the one service that contains it. */
int service_set_del(struct service_set *set, __u8 proto, struct port_range range)
{
	for (size_t i = 0; i < set->n; i++) {
		struct service *s = &set->items[i];
		struct service upper = *s;
		int err;

		if (s->proto != proto || s->range.first > range.first ||
		    s->range.last < range.last || (!s->range.first != !range.first))
			continue;
		if (s->range.first < range.first && s->range.last > range.last) {
			err = array_room((void **)&set->items, set->n, &set->room,
					 sizeof(*set->items));
			if (err)
				return err;
			upper.range.first = (__u16)(range.last + 1);
			set->items[set->n++] = upper;
			set->items[i].range.last = (__u16)(range.first - 1);
		} else if (s->range.first < range.first) {
			s->range.last = (__u16)(range.first - 1);
		} else if (s->range.last > range.last) {
			s->range.first = (__u16)(range.last + 1);
		} else {
			*s = set->items[--set->n];
		}
		return 0;
	}
	return -ENOENT;
}

bool service_covers(const struct service *service, __u8 proto, __u16 port)
{
	if (service->proto != proto)
		return false;
	return !service->range.first ||
	       (port >= service->range.first && port <= service->range.last);
}

/* ---- interfaces ----------------------------------------------------------- */

static bool name_set_has(const struct name_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (!strcmp(set->items[i], name))
			return true;
	return false;
}

int name_set_add(struct name_set *set, const char *name)
{
	int err;

	if (name_set_has(set, name))
		return 0;
	err = array_room((void **)&set->items, set->n, &set->room, sizeof(*set->items));
	if (!err)
		snprintf(set->items[set->n++], sizeof(*set->items), "%s", name);
	return err;
}

int name_set_merge(struct name_set *to, const struct name_set *from)
{
	for (size_t i = 0; i < from->n; i++) {
		int err = name_set_add(to, from->items[i]);

		if (err)
			return err;
	}
	return 0;
}

bool name_set_matches(const struct name_set *set, const char *ifname)
{
	for (size_t i = 0; i < set->n; i++)
		if (!fnmatch(set->items[i], ifname, 0))
			return true;
	return false;
}

bool name_set_equal(const struct name_set *a, const struct name_set *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!name_set_has(b, a->items[i]))
			return false;
	return true;
}

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

bool rule_is_on(const struct rule *rule, const char *ifname)
{
	return rule->used && (!rule->interfaces.n || name_set_matches(&rule->interfaces, ifname));
}

tproxy_mask policy_rules_on(const struct policy *policy, const char *ifname)
{
	tproxy_mask mask = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (rule_is_on(&policy->rules[i], ifname))
			mask |= 1ULL << i;
	return mask;
}

/* ---- policy --------------------------------------------------------------- */

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

static int rule_copy(const struct rule *from, struct rule *ret_to)
{
	struct rule copy = *from;
	int err = 0;

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
