/* SPDX-License-Identifier: BSD-2-Clause */
/* Has our routing table only our routes? */
#include "kernel/routing/route.h"
#include "loader/check/list.h"
#include "loader/steps/routing/steps_route.h"

void check_table(struct checkup *c)
{
	const __u32 table = steps_route_key(c->session).table;

	for (size_t i = 0; i < ROUTE_FAMILIES; i++) {
		const char digit = route_family_digit(route_families[i]);
		struct route_table found = { .foreign = false };
		char word[SHELL_WORD_LEN];
		struct problem *p;

		if (!route_family_present(route_families[i]) ||
		    route_table_read(&c->session->nl, route_families[i], table, &found) ||
		    !found.foreign)
			continue;
		p = problem_add(&c->problems, "table-shared", VERDICT_BROKEN, NULL, NULL);
		problem_concerns(p, digit == '4' ? PROBLEM_IPV4 : PROBLEM_IPV6);
		problem_text(p,
			     "our IPv%c routing table %u has routes of others: intercepted packets "
			     "to their destinations leave past the proxy",
			     digit, table);
		problem_next(p,
			     "ip -%c route flush table %u && tproxy-loader attach %s; or attach "
			     "with another --table",
			     digit, table, checkup_attached_word(c, word));
	}
}
