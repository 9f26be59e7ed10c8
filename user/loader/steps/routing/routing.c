/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/routing/routing.h"

#include <string.h>
#include <sys/socket.h>

#include "loader/steps/routing/steps_route.h"

bool routing_rule_is_ours(const struct routing *routing, const struct route_rule *rule)
{
	return route_rule_is_ours(rule, &routing->key) && !strcmp(rule->iif, routing->named.name);
}

/* The first of ours; the length of the list if there is none. */
static size_t find_ours(const struct routing *routing)
{
	size_t i = 0;

	while (i < routing->rules.n && !routing_rule_is_ours(routing, &routing->rules.items[i]))
		i++;
	return i;
}

static void read_rules(struct routing *routing, const struct device *vrf)
{
	const struct rule_packet packet = {
		.family = routing->family,
		.mark = routing->key.mark,
		.mask = routing->key.mask,
		.table = routing->key.table,
		.iif = routing->named.name,
		.vrf = *vrf->name ? vrf->name : NULL,
		.own = !strcmp(routing->named.name, "lo"),
	};
	const size_t ours = find_ours(routing);
	const struct route_rule *worst;

	routing->wanted = rules_place(&routing->rules, &packet, TPROXY_RULE_PREF);
	routing->rule = ours < routing->rules.n;
	if (!routing->rule)
		return;
	routing->pref = routing->rules.items[ours].pref;
	worst = rules_worst_before(&routing->rules, ours, &packet, &routing->earlier);
	if (worst)
		routing->worst = *worst;
}

int routing_read(struct session *session, __u8 family, const struct device *device,
		 struct routing *ret_routing)
{
	struct routing *r = ret_routing;
	struct device vrf = { 0 };
	int present, err;

	*r = (struct routing){ .family = family,
			       .device = *device,
			       .key = steps_route_key_on(session, device) };
	err = steps_rule_device(session, family, device, &r->named);
	if (!err && device_vrf(device))
		err = device_by_index(&session->nl, device_vrf(device), &vrf);
	if (!err)
		err = rules_read(&session->nl, family, &r->rules);
	if (err)
		return err;
	read_rules(r, &vrf);
	present = route_local_present(&session->nl, family, r->key.table);
	r->route = present > 0;
	return present < 0 ? present : 0;
}

void routing_free(struct routing *routing)
{
	rules_free(&routing->rules);
}

bool routing_is_complete(const struct routing *routing)
{
	return routing->rule && routing->route;
}

bool routing_is_misplaced(const struct routing *routing)
{
	return routing->rule && routing->pref != routing->wanted;
}

enum routing_state routing_state(struct session *session, __u8 family, const struct device *device)
{
	struct routing routing __cleanup_routing = { 0 };

	if (!route_family_present(family))
		return ROUTING_ABSENT;
	if (routing_read(session, family, device, &routing) || !routing.rule)
		return ROUTING_NO_RULE;
	if (!routing.route)
		return ROUTING_NO_ROUTE;
	return routing.earlier == RULE_NEVER ? ROUTING_OK : ROUTING_EARLIER;
}
