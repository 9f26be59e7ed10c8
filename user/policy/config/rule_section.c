/* SPDX-License-Identifier: BSD-2-Clause */
/* [rule NAME]: which flows, and what happens to them. */
#include <netinet/in.h>
#include <string.h>

#include "lib/parse.h"
#include "policy/config/keys.h"
#include "policy/scope.h"

static struct rule *current_rule(struct reading *r)
{
	return &r->config->policy.rules[r->draft.index];
}

static int begin(struct reading *r, const char *name, bool *ret_begun)
{
	struct policy *policy = &r->config->policy;
	int index = policy_append_index(policy);
	struct rule *rule;

	if (policy_find(policy, name) >= 0) {
		fail(r, "[rule %s]: there is a rule of that name already", name);
		return 0;
	}
	if (index < 0) {
		fail(r, "[rule %s]: more than %d rules", name, TPROXY_MAX_RULES);
		return 0;
	}
	rule = &policy->rules[index];
	rule->used = true;
	rule->action = TPROXY_ACTION_PROXY;
	snprintf(rule->name, sizeof(rule->name), "%s", name);
	r->config->rule_lines[index] = r->place.line;
	r->draft = (struct config_draft){ .index = index, .line = r->place.line };
	*ret_begun = true;
	return 0;
}

/* ---- keys --------------------------------------------------------------- */

struct prefix_target {
	struct reading *r;
	struct prefix_set *set;
	bool destinations;
};

static int take_prefix(struct config_place *place, const char *text, void *arg)
{
	const struct prefix_target *target = arg;
	bool in_value = place == &target->r->place; /* not in a list file */
	struct prefix prefix;
	const char *why;

	if (in_value && !strcmp(text, "all"))
		return prefix_set_add_all(target->set);
	if (in_value && !strcmp(text, "none"))
		return 0;
	if (parse_prefix(text, &prefix, &why)) {
		config_error(place, "%.80s: %s", text, why);
		return 0;
	}
	why = target->destinations ? scope_never_forwarded(&prefix) : NULL;
	if (why)
		config_warning(place, "%.80s: never matches: Linux does not forward %s", text, why);
	return prefix_set_append(target->set, &prefix);
}

static int take_from(struct reading *r, const char *value)
{
	struct prefix_target target = { r, &current_rule(r)->from, false };

	r->draft.has_from = true;
	return config_list(&r->place, r->reader->rule_lists, value, take_prefix, &target);
}

static int take_to(struct reading *r, const char *value)
{
	struct prefix_target target = { r, &current_rule(r)->to, true };

	r->draft.has_to = true;
	return config_list(&r->place, r->reader->rule_lists, value, take_prefix, &target);
}

static int take_proto(struct reading *r, const char *value)
{
	int protos = policy_parse_proto(value);

	if (protos < 0)
		fail(r, "proto = %.80s: unknown value (tcp, udp, tcp+udp)", value);
	else
		r->draft.protos = protos;
	return 0;
}

static int take_port_word(struct config_place *place, const char *word, void *arg)
{
	struct reading *r = arg;
	struct service service;
	const char *why;

	if (!strcmp(word, "none"))
		return 0;
	if (!policy_parse_port(word, &service, &why))
		return service_set_add(&r->draft.ports, service.proto, service.range);
	fail(r, "%.80s: %s", word, why);
	return 0;
}

static int take_ports(struct reading *r, const char *value)
{
	r->draft.has_ports = true;
	return config_words(&r->place, value, take_port_word, r);
}

static int take_action(struct reading *r, const char *value)
{
	int index = config_take_index(r, "action", value, policy_action_names, TPROXY_ACTION_MAX);

	if (index >= 0)
		current_rule(r)->action = (enum tproxy_action)index;
	return 0;
}

static int take_proxy(struct reading *r, const char *value)
{
	const char *why;

	if (policy_parse_proxy(value, &current_rule(r)->proxy, &why))
		/* Not a URL with a password, which belongs to another key. */
		fail(r, "proxy = %.80s: %s (relay, PORT or ADDR:PORT)",
		     strchr(value, '@') ? "..." : value, why);
	r->draft.has_proxy = true;
	return 0;
}

static int take_on_down(struct reading *r, const char *value)
{
	int index = config_take_index(r, "on-proxy-down", value, policy_on_down_names,
				      TPROXY_ON_DOWN_MAX);

	if (index >= 0)
		current_rule(r)->on_down = (enum tproxy_on_down)index;
	r->draft.has_on_down = true;
	return 0;
}

static int take_unrouted(struct reading *r, const char *value)
{
	int index =
		config_take_index(r, "unrouted", value, policy_unrouted_names, TPROXY_UNROUTED_MAX);

	if (index >= 0)
		current_rule(r)->unrouted = (enum tproxy_unrouted)index;
	return 0;
}

static int take_interface(struct reading *r, const char *value)
{
	r->draft.has_place = true;
	return config_take_names(r, value, &current_rule(r)->interfaces);
}

static int take_zone_word(struct config_place *place, const char *word, void *arg)
{
	struct reading *r = arg;
	struct config_zone_use *use;
	int err;

	if (!policy_name_is_valid(word)) {
		fail(r, "zone = %.80s: not a name of a zone", word);
		return 0;
	}
	err = array_room((void **)&r->uses, r->n_uses, &r->uses_room, sizeof(*r->uses));
	if (err)
		return err;
	use = &r->uses[r->n_uses++];
	use->rule = r->draft.index;
	use->line = r->place.line;
	snprintf(use->name, sizeof(use->name), "%s", word);
	return 0;
}

static int take_zone(struct reading *r, const char *value)
{
	r->draft.has_place = true;
	return config_words(&r->place, value, take_zone_word, r);
}

/* ---- own traffic -------------------------------------------------------- */

static int take_local(struct reading *r, const char *value)
{
	int index = config_take_index(r, "local", value, policy_local_names, TPROXY_LOCAL_MAX);

	if (index >= 0)
		current_rule(r)->local = (enum tproxy_local)index;
	return 0;
}

struct owner_target {
	struct reading *r;
	enum tproxy_owner_kind kind;
};

static int take_owner_word(struct config_place *place, const char *word, void *arg)
{
	const struct owner_target *target = arg;
	struct owner_set *set = &current_rule(target->r)->owners[target->kind];
	const char *why = "out of memory";
	int err = policy_take_owner(word, target->kind, set, &why);

	if (err && err != -ENOMEM)
		config_error(place, "%s = %.80s: %s", owner_kind_names[target->kind], word, why);
	return err == -ENOMEM ? err : 0;
}

static int take_owners(struct reading *r, enum tproxy_owner_kind kind, const char *value)
{
	struct owner_target target = { r, kind };

	return config_words(&r->place, value, take_owner_word, &target);
}

static int take_uid(struct reading *r, const char *value)
{
	return take_owners(r, TPROXY_OWNER_UID, value);
}

static int take_gid(struct reading *r, const char *value)
{
	return take_owners(r, TPROXY_OWNER_GID, value);
}

static int take_cgroup(struct reading *r, const char *value)
{
	return take_owners(r, TPROXY_OWNER_CGROUP, value);
}

/* ---- end ---------------------------------------------------------------- */

/* Keys about own traffic that contradict others. */
static void check_own(struct reading *r, const struct rule *rule)
{
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		if (!rule_is_local(rule) && !owner_set_is_any(&rule->owners[kind]))
			fail(r,
			     "[rule %s]: %s never matches: flows that enter have no owner here "
			     "(local = only, or yes)",
			     rule->name, owner_kind_names[kind]);
	if (rule->local == TPROXY_LOCAL_ONLY && r->draft.has_place)
		fail(r, "[rule %s]: names interfaces, but it is for own traffic only (local = yes)",
		     rule->name);
}

/* Fills in what the section did not say. */
static int end(struct reading *r)
{
	struct rule *rule = current_rule(r);
	struct config_draft *d = &r->draft;
	int err = service_set_resolve(&rule->services, d->has_ports ? &d->ports : NULL,
				      d->protos ? d->protos : POLICY_TCP);

	if (!err && !d->has_to)
		err = prefix_set_add_all(&rule->to);
	if (!err && !d->has_from)
		err = prefix_set_add_all(&rule->from);
	prefix_set_sort(&rule->to);
	prefix_set_sort(&rule->from);
	r->default_reset[d->index] = !d->has_on_down;
	r->place.line = d->line;
	if (scope_rule_is_dead(rule))
		config_warning(&r->place,
			       "[rule %s]: can never match: nothing is forwarded to its "
			       "destinations",
			       rule->name);
	if (d->has_proxy && rule->action != TPROXY_ACTION_PROXY)
		fail(r, "[rule %s]: names a proxy, but its action is %s", rule->name,
		     policy_action_names[rule->action]);
	check_own(r, rule);
	free(d->ports.items);
	*d = (struct config_draft){ 0 };
	return err;
}

static int take(struct reading *r, const struct ini_line *line)
{
	static const struct config_key keys[] = {
		{ "from", take_from, true },
		{ "to", take_to, true },
		{ "proto", take_proto, false },
		{ "ports", take_ports, true },
		{ "action", take_action, false },
		{ "proxy", take_proxy, false },
		{ "on-proxy-down", take_on_down, false },
		{ "unrouted", take_unrouted, false },
		{ "interface", take_interface, true },
		{ "zone", take_zone, true },
		{ "local", take_local, false },
		{ "uid", take_uid, true },
		{ "gid", take_gid, true },
		{ "cgroup", take_cgroup, true },
		{ NULL, NULL, false },
	};

	return config_take_key(r, keys, line);
}

const struct config_section config_rule_section = { .kind = "rule",
						    .named = true,
						    .begin = begin,
						    .take = take,
						    .end = end };
