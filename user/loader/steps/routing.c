/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/routing.h"

#include <string.h>
#include <sys/socket.h>

#include "loader/steps/steps.h"

bool ruleorder_is_ours(const struct ruleorder *order, const struct route_key *key,
		       const struct route_rule *rule)
{
	return route_rule_is_ours(rule, key) && !strcmp(rule->iif, order->named.name);
}

/* The first of ours; the length of the list if there is none. */
static size_t find_ours(struct ruleorder *order, const struct route_key *key)
{
	size_t first = order->list.n;

	for (size_t i = 0; i < order->list.n; i++) {
		const struct route_rule *rule = &order->list.items[i];

		if (!ruleorder_is_ours(order, key, rule))
			continue;
		if (first == order->list.n)
			first = i;
		order->there = true;
		order->old |= route_rule_is_old(rule);
	}
	return first;
}

static void decide(struct ruleorder *order, const struct route_key *key,
		   const struct rule_packet *packet)
{
	const struct route_rule *worst;
	size_t ours = find_ours(order, key);

	order->wanted = rules_place(&order->list, packet, TPROXY_RULE_PREF);
	if (!order->there)
		return;
	order->pref = order->list.items[ours].pref;
	worst = rules_worst_before(&order->list, ours, packet, &order->earlier);
	if (worst)
		order->worst = *worst;
}

int ruleorder_read(struct session *session, __u8 family, const struct device *device,
		   struct ruleorder *ret_order)
{
	struct route_key key = steps_route_key(session);
	struct rule_packet packet = { family, key.mark, key.mask, key.table, NULL, NULL };
	struct ruleorder *order = ret_order;
	struct device vrf = { 0 };
	int err;

	*order = (struct ruleorder){ .device = *device };
	err = steps_rule_device(session, family, device, &order->named);
	if (!err && device_vrf(device))
		err = device_by_index(&session->nl, device_vrf(device), &vrf);
	if (!err)
		err = rules_read(&session->nl, family, &order->list);
	if (err)
		return err;
	packet.iif = order->named.name;
	packet.vrf = *vrf.name ? vrf.name : NULL;
	decide(order, &key, &packet);
	return 0;
}

void ruleorder_free(struct ruleorder *order)
{
	rules_free(&order->list);
}

bool ruleorder_is_misplaced(const struct ruleorder *order)
{
	return order->there && order->pref != order->wanted;
}
