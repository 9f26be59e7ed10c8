/* SPDX-License-Identifier: BSD-2-Clause */
/* Did an interrupted command leave anything of ours? */
#include <string.h>

#include "loader/check/list.h"
#include "loader/steps/clean.h"

struct leftovers {
	char first[160];
	size_t n;
};

static void take_leftover(const char *what, void *arg)
{
	struct leftovers *l = arg;

	if (!l->n++)
		snprintf(l->first, sizeof(l->first), "%s", what);
}

void check_leftovers(struct checkup *c)
{
	struct leftovers l = { 0 };
	struct problem *p;
	int err;

	if (!c->session->nl.socket) {
		checkup_unchecked(c, "netlink cannot be opened");
		return;
	}
	err = clean_look(c->session, c->attached, take_leftover, &l);
	if (err)
		checkup_unchecked(c, "not everything can be read: %s", strerror(-err));
	if (!l.n)
		return;
	p = problem_add(&c->problems, "leftovers", VERDICT_DEGRADED, NULL, NULL);
	if (l.n > 1)
		problem_text(p, "an interrupted command left %s and %zu more", l.first, l.n - 1);
	else
		problem_text(p, "an interrupted command left %s", l.first);
	problem_next(p, "tproxy-loader clean");
}
