/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/policy_diff.h"

#include <string.h>

#include "lib/util.h"
#include "policy/tables.h"

const char *const policy_change_names[CHANGE_MAX] = {
	[CHANGE_RULE_NEW] = "rule_new",     [CHANGE_RULE_GONE] = "rule_gone",
	[CHANGE_RULE_MOVED] = "rule_moved", [CHANGE_VALUE_NEW] = "value_new",
	[CHANGE_VALUE_GONE] = "value_gone",
};

struct diff {
	int (*cb)(const struct policy_change *change, void *arg);
	void *arg;
	const char *rule;
};

static int report(const struct diff *d, enum policy_change_kind kind, const char *field,
		  const char *text)
{
	const struct policy_change change = { kind, d->rule, field, text };

	return d->cb(&change, d->arg);
}

static int report_value(const struct diff *d, const char *field, const char *from, const char *to)
{
	int err = 0;

	if (!strcmp(from, to))
		return 0;
	if (*from)
		err = report(d, CHANGE_VALUE_GONE, field, from);
	return err || !*to ? err : report(d, CHANGE_VALUE_NEW, field, to);
}

/* ---- sets, sorted by how they were compiled ----------------------------- */

static int diff_prefixes(const struct diff *d, const char *field, const struct prefix_set *from,
			 const struct prefix_set *to)
{
	char text[PREFIX_TEXT_LEN];
	size_t i = 0, j = 0;
	int err = 0;

	while (!err && (i < from->n || j < to->n)) {
		int order = i == from->n ? 1 :
			    j == to->n   ? -1 :
					   prefix_cmp(&from->items[i], &to->items[j]);

		if (order < 0)
			err = report(d, CHANGE_VALUE_GONE, field,
				     prefix_format(&from->items[i], text));
		else if (order > 0)
			err = report(d, CHANGE_VALUE_NEW, field,
				     prefix_format(&to->items[j], text));
		i += order <= 0;
		j += order >= 0;
	}
	return err;
}

static int service_order(const void *a, const void *b)
{
	const struct service *x = a, *y = b;

	if (x->proto != y->proto)
		return x->proto - y->proto;
	if (x->range.first != y->range.first)
		return x->range.first - y->range.first;
	return x->range.last - y->range.last;
}

static int diff_services(const struct diff *d, const struct service_set *from,
			 const struct service_set *to)
{
	char text[SERVICE_TEXT_LEN];
	size_t i = 0, j = 0;
	int err = 0;

	if (from->n)
		qsort(from->items, from->n, sizeof(*from->items), service_order);
	if (to->n)
		qsort(to->items, to->n, sizeof(*to->items), service_order);
	while (!err && (i < from->n || j < to->n)) {
		int order = i == from->n ? 1 :
			    j == to->n   ? -1 :
					   service_order(&from->items[i], &to->items[j]);

		if (order < 0)
			err = report(d, CHANGE_VALUE_GONE, "ports",
				     service_format(&from->items[i], text));
		else if (order > 0)
			err = report(d, CHANGE_VALUE_NEW, "ports",
				     service_format(&to->items[j], text));
		i += order <= 0;
		j += order >= 0;
	}
	return err;
}

static int diff_names(const struct diff *d, const struct name_set *from, const struct name_set *to)
{
	int err = 0;

	for (size_t i = 0; i < from->n && !err; i++)
		if (!name_set_has(to, from->items[i]))
			err = report(d, CHANGE_VALUE_GONE, "interface", from->items[i]);
	for (size_t i = 0; i < to->n && !err; i++)
		if (!name_set_has(from, to->items[i]))
			err = report(d, CHANGE_VALUE_NEW, "interface", to->items[i]);
	return err;
}

static bool has_item(const struct owner_set *set, const struct owner_item *owner)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct owner_item *o = &set->items[i];

		if (o->known && owner->known ?
			    o->first == owner->first && o->last == owner->last :
			    o->name && owner->name && !strcmp(o->name, owner->name))
			return true;
	}
	return false;
}

/* A name that means another id than before is shown with it. */
static int report_owner(const struct diff *d, enum policy_change_kind kind, const char *field,
			const struct owner_item *owner, const struct owner_set *other)
{
	const struct owner_item name = { .name = owner->name };
	char text[OWNER_NAME_MAX + 32], buf[OWNER_TEXT_LEN];

	snprintf(text, sizeof(text), "%s", owner_text(owner, buf));
	if (owner->name && owner->known && has_item(other, &name))
		snprintf(text, sizeof(text), "%s (%llu)", owner->name, owner->first);
	return report(d, kind, field, text);
}

static int diff_owners(const struct diff *d, enum tproxy_owner_kind kind, const struct rule *from,
		       const struct rule *to)
{
	const struct owner_set *a = &from->owners[kind], *b = &to->owners[kind];
	const char *field = owner_kind_names[kind];
	int err = 0;

	if (owner_set_same(a, b))
		return 0;
	if (owner_set_is_none(a))
		err = report(d, CHANGE_VALUE_GONE, field, "none");
	for (size_t i = 0; i < a->n && !err; i++)
		if (!has_item(b, &a->items[i]))
			err = report_owner(d, CHANGE_VALUE_GONE, field, &a->items[i], b);
	if (!err && owner_set_is_none(b))
		err = report(d, CHANGE_VALUE_NEW, field, "none");
	for (size_t i = 0; i < b->n && !err; i++)
		if (!has_item(a, &b->items[i]))
			err = report_owner(d, CHANGE_VALUE_NEW, field, &b->items[i], a);
	return err;
}

/* ---- rules -------------------------------------------------------------- */

static const char *proxy_of(const struct rule *rule, char *buf)
{
	return rule->action == TPROXY_ACTION_PROXY ? proxy_format(&rule->proxy, buf) : "";
}

static const char *on_down_of(const struct rule *rule)
{
	return rule->action == TPROXY_ACTION_PROXY ? policy_on_down_names[rule->on_down] : "";
}

static const char *unrouted_of(const struct rule *rule)
{
	return rule->action == TPROXY_ACTION_PROXY ? policy_unrouted_names[rule->unrouted] : "";
}

/* A value that no name belongs to was written by hand. */
static const char *action_of(const struct rule *rule)
{
	const char *name = (unsigned int)rule->action < TPROXY_ACTION_MAX ?
				   policy_action_names[rule->action] :
				   NULL;

	return name ? name : "unknown";
}

static int diff_rule(struct diff *d, const struct rule *from, const struct rule *to)
{
	char was[PROXY_TEXT_LEN], is[PROXY_TEXT_LEN];
	int err = diff_names(d, &from->interfaces, &to->interfaces);

	if (!err)
		err = report_value(d, "local", policy_local_names[from->local],
				   policy_local_names[to->local]);
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && !err; kind++)
		err = diff_owners(d, kind, from, to);
	if (!err)
		err = diff_prefixes(d, "from", &from->from, &to->from);
	if (!err)
		err = diff_prefixes(d, "to", &from->to, &to->to);
	if (!err)
		err = diff_services(d, &from->services, &to->services);
	if (!err)
		err = report_value(d, "action", action_of(from), action_of(to));
	if (!err)
		err = report_value(d, "proxy", proxy_of(from, was), proxy_of(to, is));
	if (!err)
		err = report_value(d, "on-proxy-down", on_down_of(from), on_down_of(to));
	if (!err)
		err = report_value(d, "unrouted", unrouted_of(from), unrouted_of(to));
	return err;
}

/* Is there a rule that both have, before this one in `to` and after it in `from`? */
static bool has_moved(const struct policy *from, const struct policy *to, int index)
{
	int was = policy_find(from, to->rules[index].name);

	for (int i = 0; i < index; i++) {
		int other = to->rules[i].used ? policy_find(from, to->rules[i].name) : -ENOENT;

		if (other > was)
			return true;
	}
	return false;
}

static int diff_rules(const struct policy *from, const struct policy *to, struct diff *d)
{
	int err = 0;

	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		int was = to->rules[i].used ? policy_find(from, to->rules[i].name) : 0;

		if (!to->rules[i].used)
			continue;
		d->rule = to->rules[i].name;
		if (was < 0) {
			err = report(d, CHANGE_RULE_NEW, NULL, NULL);
			continue;
		}
		if (has_moved(from, to, i))
			err = report(d, CHANGE_RULE_MOVED, NULL, NULL);
		if (!err)
			err = diff_rule(d, &from->rules[was], &to->rules[i]);
	}
	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		if (!from->rules[i].used || policy_find(to, from->rules[i].name) >= 0)
			continue;
		d->rule = from->rules[i].name;
		err = report(d, CHANGE_RULE_GONE, NULL, NULL);
	}
	return err;
}

/* What the tables do not have: interfaces, and owners as they are written. */
static int keep_names(const struct rule *rule, struct rule *normal)
{
	int err = name_set_merge(&normal->interfaces, &rule->interfaces);

	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && !err; kind++) {
		owner_set_free(&normal->owners[kind]);
		err = owner_set_merge(&normal->owners[kind], &rule->owners[kind]);
	}
	return err;
}

/* Sets in the form that the tables give back: sorted, without what covers nothing new. */
static int normalize(const struct policy *policy, struct policy *ret_policy)
{
	struct tables tables __cleanup_tables = { 0 };
	struct policy normal __cleanup_policy = { 0 };
	int err = tables_compile(policy, &tables);

	if (!err)
		err = tables_to_policy(&tables, &normal);
	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++)
		if (normal.rules[i].used)
			err = keep_names(&policy->rules[i], &normal.rules[i]);
	if (err)
		return err;
	*ret_policy = normal;
	normal = (struct policy){ 0 };
	return 0;
}

int policy_diff(const struct policy *from, const struct policy *to,
		int (*cb)(const struct policy_change *change, void *arg), void *arg)
{
	struct policy was __cleanup_policy = { 0 };
	struct policy is __cleanup_policy = { 0 };
	struct diff diff = { .cb = cb, .arg = arg };
	int err = normalize(from, &was);

	if (!err)
		err = normalize(to, &is);
	if (!err)
		err = report_value(&diff, "unreadable", policy_unreadable_names[from->unreadable],
				   policy_unreadable_names[to->unreadable]);
	return err ? err : diff_rules(&was, &is, &diff);
}
