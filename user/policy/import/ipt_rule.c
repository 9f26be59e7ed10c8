/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/ipt_rule.h"

#include <string.h>

#include "lib/util.h"

void ipt_match_free(struct ipt_match *match)
{
	free(match->to.items);
	free(match->from.items);
	free(match->ports.items);
	free(match->interfaces.items);
	*match = (struct ipt_match){ 0 };
}

void ipt_rule_free(struct ipt_rule *rule)
{
	ipt_match_free(&rule->match);
	*rule = (struct ipt_rule){ 0 };
}

/* The common part of two sets: of two prefixes that overlap, the longer one. */
static int and_prefixes(const struct prefix_set *a, bool has_a, const struct prefix_set *b,
			bool has_b, struct prefix_set *to)
{
	if (!has_a || !has_b)
		return prefix_set_merge(to, has_a ? a : b);
	for (size_t i = 0; i < a->n; i++) {
		for (size_t j = 0; j < b->n; j++) {
			const struct prefix *x = &a->items[i], *y = &b->items[j];
			int err = 0;

			if (prefix_covers(x, y))
				err = prefix_set_add(to, y);
			else if (prefix_covers(y, x))
				err = prefix_set_add(to, x);
			if (err)
				return err;
		}
	}
	return 0;
}

static int and_ports(const struct ipt_match *a, const struct ipt_match *b, struct service_set *to)
{
	if (!a->has_ports || !b->has_ports)
		return service_set_merge(to, a->has_ports ? &a->ports : &b->ports);
	for (size_t i = 0; i < a->ports.n; i++) {
		for (size_t j = 0; j < b->ports.n; j++) {
			struct port_range x = a->ports.items[i].range, y = b->ports.items[j].range;
			int err = 0;

			if (x.first < y.first)
				x.first = y.first;
			if (x.last > y.last)
				x.last = y.last;
			if (x.first <= x.last)
				err = service_set_add(to, 0, x);
			if (err)
				return err;
		}
	}
	return 0;
}

int ipt_match_and(const struct ipt_match *a, const struct ipt_match *b, struct ipt_match *ret_both,
		  const char **ret_why)
{
	struct ipt_match both = { .proto = a->proto ? a->proto : b->proto,
				  .has_to = a->has_to || b->has_to,
				  .has_from = a->has_from || b->has_from,
				  .has_ports = a->has_ports || b->has_ports,
				  .socket = a->socket || b->socket,
				  .established = a->established || b->established,
				  .local = a->local || b->local,
				  .other_proto = a->other_proto || b->other_proto };
	int err = 0;

	*ret_why = "out of memory";
	if (a->interfaces.n && b->interfaces.n && !name_set_equal(&a->interfaces, &b->interfaces)) {
		*ret_why = "it and the jump to its chain name different interfaces";
		return -ENOTSUP;
	}
	if (a->proto && b->proto && a->proto != b->proto) {
		*ret_why = "it and the jump to its chain name different protocols";
		return -ENOTSUP;
	}
	err = and_prefixes(&a->to, a->has_to, &b->to, b->has_to, &both.to);
	if (!err)
		err = and_prefixes(&a->from, a->has_from, &b->from, b->has_from, &both.from);
	if (!err)
		err = and_ports(a, b, &both.ports);
	if (!err)
		err = name_set_merge(&both.interfaces, &a->interfaces);
	if (!err)
		err = name_set_merge(&both.interfaces, &b->interfaces);
	if (err)
		ipt_match_free(&both);
	else
		*ret_both = both;
	return err;
}
