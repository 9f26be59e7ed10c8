/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a packet with our mark delivered here? */
#include <sys/socket.h>

#include "loader/check_list.h"
#include "loader/steps.h"

static void check_family(struct checkup *c, const struct checked_iface *iface, __u8 family)
{
	const char *name = iface->device.name;
	enum routing routing = steps_routing(c->session, family, &iface->device);
	char digit = family == AF_INET ? '4' : '6';
	struct problem *p = NULL;

	if (routing == ROUTING_NO_RULE) {
		p = problem_add(&c->problems, "rule-missing", VERDICT_BROKEN, name, NULL);
		problem_text(p,
			     "the IPv%c routing rule is missing: intercepted IPv%c flows do not "
			     "arrive",
			     digit, digit);
		problem_next(p, "tproxy-loader attach %s; tproxy-loader watch restores it", name);
	} else if (routing == ROUTING_NO_ROUTE) {
		p = problem_add(&c->problems, "route-missing", VERDICT_BROKEN, name, NULL);
		problem_text(p,
			     "the local IPv%c route of table %u is missing: intercepted IPv%c "
			     "flows do not arrive",
			     digit, c->session->state.config.table, digit);
		problem_next(p, "tproxy-loader attach %s; tproxy-loader watch restores it", name);
	}
	problem_concerns(p, family == AF_INET ? PROBLEM_IPV4 : PROBLEM_IPV6);
}

void check_routing(struct checkup *c, const struct checked_iface *iface)
{
	static const __u8 families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (steps_family_wanted(families[i], iface->device.name))
			check_family(c, iface, families[i]);
}
