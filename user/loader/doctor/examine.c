/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/doctor/examine.h"

#include <string.h>

#include "lib/plain.h"
#include "loader/check/kinds.h"
#include "loader/steps/session_open.h"

/* ---- text --------------------------------------------------------------- */

/* Names of interfaces and programs may have any byte. */
static void make_problem_plain(struct problem *p)
{
	plain_make(p->ifname);
	plain_make(p->rule);
	plain_make(p->text);
	plain_make(p->next);
}

/* ---- one check ---------------------------------------------------------- */

static bool can_run(const struct checkup *c, const struct check *check)
{
	return c->attached || (check->unattached && check->of_all);
}

static void finish_item(struct examination *e, struct examined *item)
{
	struct problems *problems = &e->checkup.problems;

	item->n = problems->n - item->first;
	for (size_t i = item->first; i < problems->n; i++) {
		struct problem *p = &problems->items[i];

		make_problem_plain(p);
		if (p->verdict > item->verdict)
			item->verdict = p->verdict;
		if (!kind_find(p->id))
			log_debug("%s: no explanation (%s)", p->id, item->check->id);
	}
	snprintf(item->evidence, sizeof(item->evidence), "%s", e->checkup.evidence);
	plain_make(item->evidence);
	item->unchecked = e->checkup.unchecked;
}

static void run(struct examination *e, struct examined *item, const struct check *check)
{
	const uint64_t start = monotonic_ms();

	*item = (struct examined){ .check = check, .first = e->checkup.problems.n };
	item->ran = can_run(&e->checkup, check);
	if (!item->ran)
		return;
	check_run(&e->checkup, check);
	finish_item(e, item);
	log_debug("check %s: %llu ms", check->id, (unsigned long long)(monotonic_ms() - start));
}

/* A later check may make a problem of an earlier one worse or milder. */
static void count(struct examination *e)
{
	const struct problems *problems = &e->checkup.problems;

	e->warnings = problems->incomplete;
	for (size_t i = 0; i < problems->n; i++) {
		if (problems->items[i].verdict == VERDICT_BROKEN)
			e->errors++;
		else
			e->warnings++;
	}
}

/* ---- the whole ---------------------------------------------------------- */

static bool has_iface(const struct checkup *c, const char *ifname)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp((const char *)c->ifaces[i].iface.value.name, ifname))
			return true;
	return false;
}

static void open_checkup(struct examination *e, struct app *app)
{
	char why[PINDIR_WHY_LEN];
	int err = session_try_to_read(&e->session, app, why);

	if (!err)
		err = checkup_open(&e->checkup, &e->session);
	if (!err)
		return;
	checkup_close(&e->checkup);
	checkup_open_unattached(&e->checkup, &e->session);
	e->checkup.open_err = err;
	snprintf(e->checkup.open_why, sizeof(e->checkup.open_why), "%s", why);
}

int examine(struct examination *e, struct app *app, const char *ifname)
{
	struct checkup *c = &e->checkup;

	open_checkup(e, app);
	if (ifname && c->attached && !has_iface(c, ifname))
		return session_refuse_unattached(ifname);
	e->items = calloc(checks_n, sizeof(*e->items));
	if (!e->items) {
		log_error("doctor: out of memory");
		return EXIT_FAILED;
	}
	c->ifname = ifname;
	c->may_probe = true;
	c->locked = e->locked;
	for (size_t i = 0; i < checks_n; i++)
		run(e, &e->items[i], &checks[i]);
	count(e);
	return EXIT_DONE;
}

int examination_exit_code(const struct examination *e)
{
	if (e->errors)
		return EXIT_BROKEN;
	if (e->warnings)
		return EXIT_REMARKS;
	return e->checkup.attached && (e->checkup.n || checkup_own(&e->checkup)) ?
		       EXIT_DONE :
		       EXIT_NOT_ATTACHED;
}

void examination_close(struct examination *e)
{
	checkup_close(&e->checkup);
	session_close(&e->session);
	free(e->items);
	e->items = NULL;
	e->errors = e->warnings = 0;
}
