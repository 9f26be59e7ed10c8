/* SPDX-License-Identifier: BSD-2-Clause */
/* What each key of the configuration file means. */
#include <netinet/in.h>
#include <string.h>

#include "policy/config/reading.h"
#include "policy/scope.h"
#include "lib/util.h"

/* ---- values --------------------------------------------------------------- */

struct word_target {
	struct reading *r;
	struct prefix_set *prefixes;
	struct name_set *names;
};

static int take_prefix_word(const char *word, void *arg)
{
	struct word_target *t = arg;

	return config_prefix_word(&t->r->place, word, t->prefixes);
}

static int take_ifname(const char *word, void *arg)
{
	struct word_target *t = arg;

	if (policy_ifname_is_valid(word))
		return name_set_add(t->names, word);
	fail(t->r, "%.80s: not a name of an interface, or a glob", word);
	return 0;
}

static int take_names(struct reading *r, const char *value, struct name_set *set)
{
	struct word_target target = { .r = r, .names = set };

	return config_words(value, take_ifname, &target);
}

static int take_index(struct reading *r, const char *key, const char *value,
		      const char *const *names, size_t n)
{
	int index = parse_name(value, names, n);
	char choices[128] = "";

	if (index >= 0)
		return index;
	for (size_t i = 0, len = 0; i < n && len < sizeof(choices); i++)
		if (names[i])
			len += (size_t)snprintf(choices + len, sizeof(choices) - len, "%s%s",
						len ? ", " : "", names[i]);
	fail(r, "%s = %.80s: unknown value (%s)", key, value, choices);
	return -EINVAL;
}

/* ---- [loader] ------------------------------------------------------------- */

/* Names of devices to attach. A glob may meet lo, which is left out then. */
static int take_devices(struct reading *r, const char *key, const char *value, struct name_set *set)
{
	int err = take_names(r, value, set);

	for (size_t i = 0; i < set->n && !err; i++)
		if (!strcmp(set->items[i], "lo"))
			fail(r,
			     "%s = lo: the host's own traffic is not intercepted by an interface",
			     key);
	return err;
}

static int loader_interfaces(struct reading *r, const char *value)
{
	return take_devices(r, "interfaces", value, &r->config->interfaces);
}

static int loader_divert(struct reading *r, const char *value)
{
	return take_devices(r, "divert", value, &r->config->divert);
}

static int loader_mark(struct reading *r, const char *value)
{
	char *end;
	unsigned long mark = strtoul(value, &end, 0);

	if (*value < '0' || *value > '9' || *end || !mark || mark > 0xffffffffUL ||
	    (mark & (mark - 1)))
		fail(r, "mark = %.80s: not one bit of 32 (for example 0x1000000)", value);
	else
		r->config->mark = (__u32)mark;
	return 0;
}

static int loader_table(struct reading *r, const char *value)
{
	const char *why;
	__u32 table;

	if (parse_u32(value, 1, 0xfffffffe, &table, &why) || (table >= 253 && table <= 255))
		fail(r, "table = %.80s: not a table number of our own (for example 15001)", value);
	else
		r->config->table = table;
	return 0;
}

static int loader_learn(struct reading *r, const char *value)
{
	const char *why;
	__u32 seconds;

	if (parse_u32(value, 0, CONFIG_LEARN_MAX_S, &seconds, &why))
		fail(r, "learn = %.80s: %s (seconds, at most %d)", value, why, CONFIG_LEARN_MAX_S);
	else
		r->config->learn = seconds;
	r->config->has_learn = true;
	return 0;
}

static int loader_on_down(struct reading *r, const char *value)
{
	int index = take_index(r, "on-proxy-down", value, policy_on_down_names, TPROXY_ON_DOWN_MAX);

	if (index >= 0)
		r->config->on_down = (enum tproxy_on_down)index;
	return 0;
}

static int loader_unreadable(struct reading *r, const char *value)
{
	int index =
		take_index(r, "unreadable", value, policy_unreadable_names, TPROXY_UNREADABLE_MAX);

	if (index >= 0)
		r->config->policy.unreadable = (enum tproxy_unreadable)index;
	return 0;
}

/* ---- [rule NAME] ---------------------------------------------------------- */

static struct rule *current_rule(struct reading *r)
{
	return &r->config->policy.rules[r->draft.index];
}

static int rule_from(struct reading *r, const char *value)
{
	struct word_target target = { .r = r, .prefixes = &current_rule(r)->from };

	r->draft.has_from = true;
	return config_words(value, take_prefix_word, &target);
}

static int rule_to(struct reading *r, const char *value)
{
	struct word_target target = { .r = r, .prefixes = &current_rule(r)->to };
	int err;

	r->draft.has_to = true;
	r->place.destinations = true;
	err = config_words(value, take_prefix_word, &target);
	r->place.destinations = false;
	return err;
}

static int rule_proto(struct reading *r, const char *value)
{
	int protos = policy_parse_proto(value);

	if (protos < 0)
		fail(r, "proto = %.80s: unknown value (tcp, udp, tcp+udp)", value);
	else
		r->draft.protos = protos;
	return 0;
}

static int take_port_word(const char *word, void *arg)
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

static int rule_ports(struct reading *r, const char *value)
{
	r->draft.has_ports = true;
	return config_words(value, take_port_word, r);
}

static int rule_action(struct reading *r, const char *value)
{
	int index = take_index(r, "action", value, policy_action_names, TPROXY_ACTION_MAX);

	if (index >= 0)
		current_rule(r)->action = (enum tproxy_action)index;
	return 0;
}

static int rule_proxy(struct reading *r, const char *value)
{
	const char *why;

	if (policy_parse_proxy(value, &current_rule(r)->proxy, &why))
		fail(r, "proxy = %.80s: %s (relay, PORT or ADDR:PORT)", value, why);
	r->draft.has_proxy = true;
	return 0;
}

static int rule_on_down(struct reading *r, const char *value)
{
	int index = take_index(r, "on-proxy-down", value, policy_on_down_names, TPROXY_ON_DOWN_MAX);

	if (index >= 0)
		current_rule(r)->on_down = (enum tproxy_on_down)index;
	r->draft.has_on_down = true;
	return 0;
}

static int rule_unrouted(struct reading *r, const char *value)
{
	int index = take_index(r, "unrouted", value, policy_unrouted_names, TPROXY_UNROUTED_MAX);

	if (index >= 0)
		current_rule(r)->unrouted = (enum tproxy_unrouted)index;
	return 0;
}

static int rule_interface(struct reading *r, const char *value)
{
	return take_names(r, value, &current_rule(r)->interfaces);
}

static int take_zone_word(const char *word, void *arg)
{
	struct reading *r = arg;
	struct zone_use *use;
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

static int rule_zone(struct reading *r, const char *value)
{
	return config_words(value, take_zone_word, r);
}

/* Fills in what a finished rule did not say. */
int config_finish_rule(struct reading *r)
{
	struct rule *rule = current_rule(r);
	struct draft *d = &r->draft;
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
	free(d->ports.items);
	*d = (struct draft){ 0 };
	return err;
}

/* ---- keys ----------------------------------------------------------------- */

struct key {
	const char *name;
	int (*take)(struct reading *r, const char *value);
	bool list; /* an indented line goes on with it */
};

static const struct key loader_keys[] = {
	{ "interfaces", loader_interfaces, true },
	{ "divert", loader_divert, true },
	{ "mark", loader_mark, false },
	{ "table", loader_table, false },
	{ "learn", loader_learn, false },
	{ "on-proxy-down", loader_on_down, false },
	{ "unreadable", loader_unreadable, false },
	{ NULL, NULL, false },
};

static const struct key rule_keys[] = {
	{ "from", rule_from, true },
	{ "to", rule_to, true },
	{ "proto", rule_proto, false },
	{ "ports", rule_ports, true },
	{ "action", rule_action, false },
	{ "proxy", rule_proxy, false },
	{ "on-proxy-down", rule_on_down, false },
	{ "unrouted", rule_unrouted, false },
	{ "interface", rule_interface, true },
	{ "zone", rule_zone, true },
	{ NULL, NULL, false },
};

static int zone_interfaces(struct reading *r, const char *value)
{
	return take_names(r, value, &r->config->zones[r->config->n_zones - 1].interfaces);
}

static const struct key zone_keys[] = {
	{ "interfaces", zone_interfaces, true },
	{ NULL, NULL, false },
};

static int take_key(struct reading *r, const struct key *keys, const char *key, const char *value)
{
	for (unsigned int i = 0; keys[i].name; i++) {
		if (strcmp(keys[i].name, key))
			continue;
		if (r->continued ? !keys[i].list : r->seen >> i & 1) {
			fail(r, "%s: given twice", key);
			return 0;
		}
		r->seen |= 1U << i;
		if (*value)
			return keys[i].take(r, value);
		fail(r, "%s: no value", key);
		return 0;
	}
	fail(r, "%.80s: unknown key", key);
	return 0;
}

int config_take_loader(struct reading *r, const char *key, const char *value)
{
	return take_key(r, loader_keys, key, value);
}

int config_take_rule(struct reading *r, const char *key, const char *value)
{
	return take_key(r, rule_keys, key, value);
}

int config_take_zone(struct reading *r, const char *key, const char *value)
{
	return take_key(r, zone_keys, key, value);
}
