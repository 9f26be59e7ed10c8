/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/watch/report.h"

#include <string.h>

#include "loader/check/checks.h"
#include "loader/show/show.h"
#include "loader/steps/session_open.h"
#include "loader/watch/events.h"

#define EVERY_MS 10000
#define PROBES_EVERY_MS 60000
#define PAUSE_MS 200
/* Checks use at most this share of the time, also if something changes all the time. */
#define SHARE 20

/* ---- reports ------------------------------------------------------------ */

static void print_event(const char *event, const struct problem *p)
{
	struct json_object *object = watch_event(event);

	problem_add_json(p, object);
	show_json_print(object);
}

static void report_new(const struct watch_report *r, const struct problem *p)
{
	char line[PROBLEM_LINE_LEN];

	if (r->json)
		print_event("problem", p);
	else
		log_warn("%s", problem_line(p, line));
}

static void report_gone(const struct watch_report *r, const struct problem *p)
{
	struct problem was = *p;
	char line[PROBLEM_LINE_LEN];

	if (r->json) {
		print_event("solved", p);
		return;
	}
	was.next[0] = '\0';
	log_info("no longer: %s", problem_line(&was, line));
}

static void compare(struct watch_report *r, struct problems *now)
{
	for (size_t i = 0; i < now->n; i++)
		if (!problems_find(&r->known, &now->items[i]) &&
		    problems_find(now, &now->items[i]) == &now->items[i])
			report_new(r, &now->items[i]);
	for (size_t i = 0; i < r->known.n && !now->incomplete; i++)
		if (!problems_find(now, &r->known.items[i]))
			report_gone(r, &r->known.items[i]);
	problems_free(&r->known);
	r->known = *now;
	*now = (struct problems)PROBLEMS_NONE;
}

/* ---- when --------------------------------------------------------------- */

static bool is_due(struct watch_report *r, bool changed)
{
	const uint64_t since = monotonic_ms() - r->ran_ms;

	r->changed |= changed;
	if (!r->ran_ms)
		return true;
	if (since < PAUSE_MS || since < SHARE * r->cost_ms)
		return false;
	return r->changed || since >= EVERY_MS;
}

/* A problem that only a probe shows must be probed again, or it would seem to be gone. */
static bool may_probe(const struct watch_report *r)
{
	static const char *const ids[] = { "not-delivered", "input-filter", "rp-filter",
					   "mark-lost", "rewritten" };

	for (size_t i = 0; i < r->known.n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(ids); k++)
			if (!strcmp(r->known.items[i].id, ids[k]))
				return true;
	return !r->probed_ms || monotonic_ms() - r->probed_ms >= PROBES_EVERY_MS;
}

void watch_report_look(struct watch_report *r, struct app *app, bool changed)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct checkup c __cleanup_checkup = { .lock = COMMAND_LOCK_NONE };
	const uint64_t start = monotonic_ms();

	if (!is_due(r, changed) || session_open_to_read(&session, app))
		return;
	if (checkup_open(&c, &session)) {
		log_debug("%s: cannot read the policy and the interfaces to check",
			  session.state.dir);
		return;
	}
	c.may_probe = may_probe(r);
	checks_run(&c, NULL, CHECKS_QUICK);
	if (c.probes_sent)
		r->probed_ms = start;
	compare(r, &c.problems);
	r->changed = false;
	r->ran_ms = monotonic_ms();
	r->cost_ms = r->ran_ms - start;
}

void watch_report_forget(struct watch_report *r)
{
	problems_free(&r->known);
	r->ran_ms = 0;
}
