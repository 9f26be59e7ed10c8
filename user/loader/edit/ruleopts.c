/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/ruleopts.h"

#include <netinet/in.h>
#include <string.h>

#include "policy/cover.h"
#include "lib/log.h"
#include "lib/util.h"

/* The offending item of a list is told by value; lists are short enough to show whole. */
static int report(const char *option, const char *value, const char *why, const char *next)
{
	log_error("%s %s: %s (%s)", option, value, why, next);
	return -EINVAL;
}

static int take_services(struct rule_options *o, const char *option, __u8 proto, const char *value)
{
	const char *why;

	if (policy_parse_services(value, proto, &o->rule.services, &why))
		return report(option, value, why, "for example 22,80,8000-8010");
	o->has_services = true;
	return 0;
}

static int take_prefixes(struct prefix_set *set, bool *has, const char *option, const char *value)
{
	const char *why;

	if (policy_parse_prefixes(value, set, &why))
		return report(option, value, why, "for example 10.0.0.0/8,2001:db8::/32");
	*has = true;
	return 0;
}

static int take_name(const char *option, const char *value, const char *const *names, size_t n,
		     const char *next, int *ret_index)
{
	int index = parse_name(value, names, n);

	if (index < 0)
		return report(option, value, "unknown value", next);
	*ret_index = index;
	return 0;
}

int rule_options_take(struct rule_options *o, int opt, const char *value)
{
	const char *why;
	int index;

	o->any = true;
	switch (opt) {
	case OPT_PORT:
		return take_services(o, "--port", IPPROTO_TCP, value);
	case OPT_UDP_PORT:
		return take_services(o, "--udp-port", IPPROTO_UDP, value);
	case OPT_CIDR:
		return take_prefixes(&o->rule.to, &o->has_to, "--cidr", value);
	case OPT_FROM:
		return take_prefixes(&o->rule.from, &o->has_from, "--from", value);
	case OPT_PROXY:
		if (policy_parse_proxy(value, &o->rule.proxy, &why))
			return report("--proxy", value, why, "relay, PORT or ADDR:PORT");
		o->has_proxy = true;
		return 0;
	case OPT_ON_DOWN:
		if (take_name("--on-down", value, policy_on_down_names, TPROXY_ON_DOWN_MAX,
			      "drop, pass or reset", &index))
			return -EINVAL;
		o->rule.on_down = (enum tproxy_on_down)index;
		o->has_on_down = true;
		return 0;
	case OPT_UNROUTED:
		if (take_name("--unrouted", value, policy_unrouted_names, TPROXY_UNROUTED_MAX,
			      "pass or proxy", &index))
			return -EINVAL;
		o->rule.unrouted = (enum tproxy_unrouted)index;
		o->has_unrouted = true;
		return 0;
	case OPT_ACTION:
		if (take_name("--action", value, policy_action_names, TPROXY_ACTION_MAX,
			      "proxy, pass or drop", &index))
			return -EINVAL;
		o->rule.action = (enum tproxy_action)index;
		o->has_action = true;
		return 0;
	case OPT_INTERFACE:
		if (policy_parse_interfaces(value, &o->rule.interfaces, &why))
			return report("--interface", value, why, "for example eth0,wg*");
		return 0;
	default:
		return -EINVAL;
	}
}

int rule_options_create(const struct rule_options *o, const char *name, enum tproxy_action action,
			struct rule *ret_rule)
{
	static const struct port_range every_port;
	struct rule rule = { .used = true,
			     .action = o->has_action ? o->rule.action : action,
			     .on_down = o->rule.on_down,
			     .unrouted = o->rule.unrouted,
			     .proxy = o->rule.proxy };
	int err;

	snprintf(rule.name, sizeof(rule.name), "%s", name);
	err = service_set_merge(&rule.services, &o->rule.services);
	if (!err && !o->has_services)
		err = service_set_add(&rule.services, IPPROTO_TCP, every_port);
	if (!err)
		err = o->has_to ? prefix_set_merge(&rule.to, &o->rule.to) :
				  prefix_set_add_all(&rule.to);
	if (!err)
		err = o->has_from ? prefix_set_merge(&rule.from, &o->rule.from) :
				    prefix_set_add_all(&rule.from);
	if (!err)
		err = name_set_merge(&rule.interfaces, &o->rule.interfaces);
	if (err)
		rule_free(&rule);
	else
		*ret_rule = rule;
	return err;
}

int rule_options_extend(const struct rule_options *o, struct rule *rule)
{
	int err = service_set_merge(&rule->services, &o->rule.services);

	if (!err)
		err = prefix_set_merge(&rule->to, &o->rule.to);
	if (!err)
		err = prefix_set_merge(&rule->from, &o->rule.from);
	/* A rule for every interface is not made narrower by naming one of them. */
	if (!err && rule->interfaces.n)
		err = name_set_merge(&rule->interfaces, &o->rule.interfaces);
	if (!err && o->has_proxy)
		rule->proxy = o->rule.proxy;
	if (!err && o->has_on_down)
		rule->on_down = o->rule.on_down;
	if (!err && o->has_unrouted)
		rule->unrouted = o->rule.unrouted;
	if (!err && o->has_action)
		rule->action = o->rule.action;
	return err;
}

bool rule_options_within(const struct rule_options *o, const struct rule *rule)
{
	const struct endpoint *mine = &o->rule.proxy, *its = &rule->proxy;

	return service_set_covers(&rule->services, &o->rule.services) &&
	       prefix_set_covers(&rule->to, &o->rule.to) &&
	       prefix_set_covers(&rule->from, &o->rule.from) &&
	       (!o->has_proxy || (mine->family == its->family && mine->port == its->port &&
				  !memcmp(mine->addr, its->addr, sizeof(mine->addr)))) &&
	       (!o->has_on_down || o->rule.on_down == rule->on_down) &&
	       (!o->has_unrouted || o->rule.unrouted == rule->unrouted) &&
	       (!o->has_action || o->rule.action == rule->action);
}

void rule_options_free(struct rule_options *options)
{
	rule_free(&options->rule);
}
