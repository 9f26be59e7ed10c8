/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/ruleopts.h"

#include <netinet/in.h>
#include <string.h>

#include "lib/log.h"
#include "lib/util.h"
#include "loader/edit/owners.h"
#include "policy/cover.h"

/* Lists are short: an error shows the whole value, and the option as the user typed it. */
static int report(const char *option, const char *value, const char *why, const char *next)
{
	log_error("%s %s: %s (%s)", option, value, why, next);
	return -EINVAL;
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

/* ---- one option --------------------------------------------------------- */

static int take_prefixes(struct prefix_set *set, bool *has, const char *option, const char *value)
{
	const char *why;

	if (policy_parse_prefixes(value, set, &why))
		return report(option, value, why, "for example 10.0.0.0/8,2001:db8::/32");
	*has = true;
	return 0;
}

static int take_to(struct rule_options *o, const char *option, const char *value)
{
	return take_prefixes(&o->rule.to, &o->has_to, option, value);
}

static int take_from(struct rule_options *o, const char *option, const char *value)
{
	return take_prefixes(&o->rule.from, &o->has_from, option, value);
}

static int take_ports(struct rule_options *o, const char *option, const char *value)
{
	const char *why;

	if (policy_parse_ports(value, &o->ports, &why))
		return report(option, value, why, "for example 22,udp/53,8000-8010");
	o->has_services = true;
	return 0;
}

static int take_proto(struct rule_options *o, const char *option, const char *value)
{
	o->protos = policy_parse_proto(value);
	if (o->protos < 0)
		return report(option, value, "unknown value", "tcp, udp or tcp+udp");
	o->has_services = true;
	return 0;
}

/* The former way to say `ports`: of one protocol, whatever --proto says. */
static int take_services(struct rule_options *o, const char *option, __u8 proto, const char *value)
{
	const char *why;

	if (policy_parse_services(value, proto, &o->rule.services, &why))
		return report(option, value, why, "for example 22,80,8000-8010");
	o->has_services = true;
	return 0;
}

static int take_tcp_ports(struct rule_options *o, const char *option, const char *value)
{
	return take_services(o, option, IPPROTO_TCP, value);
}

static int take_udp_ports(struct rule_options *o, const char *option, const char *value)
{
	return take_services(o, option, IPPROTO_UDP, value);
}

static int take_proxy(struct rule_options *o, const char *option, const char *value)
{
	const char *why;

	if (policy_parse_proxy(value, &o->rule.proxy, &why))
		return report(option, value, why, "relay, PORT or ADDR:PORT");
	o->has_proxy = true;
	return 0;
}

static int take_on_proxy_down(struct rule_options *o, const char *option, const char *value)
{
	int index;

	if (take_name(option, value, policy_on_down_names, TPROXY_ON_DOWN_MAX,
		      "drop, pass or reset", &index))
		return -EINVAL;
	o->rule.on_down = (enum tproxy_on_down)index;
	o->has_on_down = true;
	return 0;
}

static int take_unrouted(struct rule_options *o, const char *option, const char *value)
{
	int index;

	if (take_name(option, value, policy_unrouted_names, TPROXY_UNROUTED_MAX, "pass or proxy",
		      &index))
		return -EINVAL;
	o->rule.unrouted = (enum tproxy_unrouted)index;
	o->has_unrouted = true;
	return 0;
}

static int take_action(struct rule_options *o, const char *option, const char *value)
{
	int index;

	if (take_name(option, value, policy_action_names, TPROXY_ACTION_MAX,
		      "proxy, pass, drop, reset or audit", &index))
		return -EINVAL;
	o->rule.action = (enum tproxy_action)index;
	o->has_action = true;
	return 0;
}

static int take_interface(struct rule_options *o, const char *option, const char *value)
{
	const char *why;

	if (policy_parse_interfaces(value, &o->rule.interfaces, &why))
		return report(option, value, why, "for example eth0,wg*");
	return 0;
}

static int take_local(struct rule_options *o, const char *option, const char *value)
{
	int index = TPROXY_LOCAL_YES;

	if (value && take_name(option, value, policy_local_names, TPROXY_LOCAL_MAX,
			       "yes, no or only", &index))
		return -EINVAL;
	o->rule.local = (enum tproxy_local)index;
	o->has_local = true;
	return 0;
}

static int take_owners(struct rule_options *o, enum tproxy_owner_kind kind, const char *option,
		       const char *value)
{
	static const char *const examples[TPROXY_OWNER_KIND_MAX] = {
		"for example alice,1000-1999",
		"for example users,1000-1999",
		"for example /system.slice/a.service",
	};
	const char *why;

	if (policy_parse_owners(value, kind, &o->rule.owners[kind], &why))
		return report(option, value, why, examples[kind]);
	return 0;
}

static int take_uid(struct rule_options *o, const char *option, const char *value)
{
	return take_owners(o, TPROXY_OWNER_UID, option, value);
}

static int take_gid(struct rule_options *o, const char *option, const char *value)
{
	return take_owners(o, TPROXY_OWNER_GID, option, value);
}

static int take_cgroup(struct rule_options *o, const char *option, const char *value)
{
	return take_owners(o, TPROXY_OWNER_CGROUP, option, value);
}

static const struct {
	const char *option; /* as the user types it */
	int (*take)(struct rule_options *o, const char *option, const char *value);
} takers[OPT_RULE_MAX - OPT_RULE_FIRST] = {
#define TAKER(symbol) [OPT_##symbol - OPT_RULE_FIRST]
	TAKER(TO) = { "--to", take_to },
	TAKER(FROM) = { "--from", take_from },
	TAKER(PORTS) = { "--ports", take_ports },
	TAKER(PROTO) = { "--proto", take_proto },
	TAKER(PROXY) = { "--proxy", take_proxy },
	TAKER(ON_PROXY_DOWN) = { "--on-proxy-down", take_on_proxy_down },
	TAKER(UNROUTED) = { "--unrouted", take_unrouted },
	TAKER(ACTION) = { "--action", take_action },
	TAKER(INTERFACE) = { "--interface", take_interface },
	TAKER(LOCAL) = { "--local", take_local },
	TAKER(UID) = { "--uid", take_uid },
	TAKER(GID) = { "--gid", take_gid },
	TAKER(CGROUP) = { "--cgroup", take_cgroup },
	TAKER(CIDR) = { "--cidr", take_to },
	TAKER(PORT) = { "--port", take_tcp_ports },
	TAKER(UDP_PORT) = { "--udp-port", take_udp_ports },
	TAKER(ON_DOWN) = { "--on-down", take_on_proxy_down },
#undef TAKER
};

int rule_options_take(struct rule_options *o, int opt, const char *value)
{
	if (opt < OPT_RULE_FIRST || opt >= OPT_RULE_MAX)
		return -EINVAL;
	o->any = true;
	return takers[opt - OPT_RULE_FIRST].take(o, takers[opt - OPT_RULE_FIRST].option, value);
}

/* ---- all of them -------------------------------------------------------- */

static void report_owner(const char *text, bool is_error, void *arg)
{
	if (is_error)
		log_error("--%s", text);
	else
		log_warn("--%s", text);
}

/* Flows that enter have no owner here, and no interface is that of own traffic. */
static int finish_own(struct rule_options *o)
{
	const struct owners_report to = { " ", report_owner, NULL };

	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++) {
		if (owner_set_is_any(&o->rule.owners[kind]) || o->rule.local != TPROXY_LOCAL_NO)
			continue;
		log_error("--%s: flows that enter have no owner here (add --local)",
			  owner_kind_names[kind]);
		return -EINVAL;
	}
	if (o->rule.local == TPROXY_LOCAL_ONLY && o->rule.interfaces.n) {
		log_error("--interface: the rule is for own traffic only (--local instead of "
			  "--local=only)");
		return -EINVAL;
	}
	return owners_look_up(&o->rule, &to);
}

int rule_options_finish(struct rule_options *o)
{
	int err = finish_own(o);

	if (err)
		return err;

	if (o->protos && o->rule.services.n) {
		log_error("--proto %s: goes with --ports only (--port is TCP, --udp-port is UDP)",
			  policy_proto_names[o->protos]);
		return -EINVAL;
	}
	if (o->ports.n || o->protos)
		err = service_set_resolve(&o->rule.services, o->ports.n ? &o->ports : NULL,
					  o->protos ? o->protos : POLICY_TCP);
	if (err)
		log_error("--ports: %s", strerror(-err));
	return err;
}

/* A rule for all that enters stays one; naming an owner does not narrow a rule for anybody. */
static int extend_own(const struct rule_options *o, struct rule *rule)
{
	bool was_local = rule->local != TPROXY_LOCAL_NO;
	int err = 0;

	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && !err; kind++)
		if (!was_local || !owner_set_is_any(&rule->owners[kind]))
			err = owner_set_merge(&rule->owners[kind], &o->rule.owners[kind]);
	if (o->has_local && o->rule.local != TPROXY_LOCAL_NO && rule->local != o->rule.local)
		rule->local = TPROXY_LOCAL_YES;
	return err;
}

static int create_own(const struct rule_options *o, struct rule *rule)
{
	int err = 0;

	rule->local = o->rule.local;
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && !err; kind++)
		err = owner_set_merge(&rule->owners[kind], &o->rule.owners[kind]);
	return err;
}

int rule_options_create(const struct rule_options *o, const char *name, enum tproxy_action action,
			struct rule *ret_rule)
{
	struct rule rule = { .used = true,
			     .action = o->has_action ? o->rule.action : action,
			     .on_down = o->rule.on_down,
			     .unrouted = o->rule.unrouted,
			     .proxy = o->rule.proxy };
	int err;

	snprintf(rule.name, sizeof(rule.name), "%s", name);
	err = service_set_merge(&rule.services, &o->rule.services);
	if (!err && !o->has_services)
		err = service_set_resolve(&rule.services, NULL, POLICY_TCP);
	if (!err)
		err = o->has_to ? prefix_set_merge(&rule.to, &o->rule.to) :
				  prefix_set_add_all(&rule.to);
	if (!err)
		err = o->has_from ? prefix_set_merge(&rule.from, &o->rule.from) :
				    prefix_set_add_all(&rule.from);
	if (!err)
		err = name_set_merge(&rule.interfaces, &o->rule.interfaces);
	if (!err)
		err = create_own(o, &rule);
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
	/* Naming an interface does not narrow a rule for every interface. */
	if (!err && rule->interfaces.n)
		err = name_set_merge(&rule->interfaces, &o->rule.interfaces);
	if (!err)
		err = extend_own(o, rule);
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

static bool own_within(const struct rule_options *o, const struct rule *rule)
{
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		if (!owner_set_is_any(&o->rule.owners[kind]) &&
		    !owner_set_covers(&rule->owners[kind], &o->rule.owners[kind]))
			return false;
	return !o->has_local || o->rule.local == TPROXY_LOCAL_NO || rule->local == o->rule.local ||
	       rule->local == TPROXY_LOCAL_YES;
}

bool rule_options_within(const struct rule_options *o, const struct rule *rule)
{
	return service_set_covers(&rule->services, &o->rule.services) &&
	       prefix_set_covers(&rule->to, &o->rule.to) &&
	       prefix_set_covers(&rule->from, &o->rule.from) && own_within(o, rule) &&
	       (!o->has_proxy || endpoint_equal(&o->rule.proxy, &rule->proxy)) &&
	       (!o->has_on_down || o->rule.on_down == rule->on_down) &&
	       (!o->has_unrouted || o->rule.unrouted == rule->unrouted) &&
	       (!o->has_action || o->rule.action == rule->action);
}

void rule_options_free(struct rule_options *options)
{
	rule_free(&options->rule);
	free(options->ports.items);
}
