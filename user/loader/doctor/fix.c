/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/doctor/fix.h"

#include <net/if.h>
#include <string.h>

#include "kernel/events/report.h"
#include "loader/check/kinds.h"
#include "loader/doctor/doctor_print.h"
#include "loader/doctor/fix_sysctl.h"
#include "loader/show/show.h"
#include "loader/steps/clean.h"
#include "loader/steps/session_open.h"
#include "loader/steps/setup.h"
#include "loader/watch/reconcile.h"

/* What to do, in this order. Problems are copied: the examination is closed before. */
struct plan {
	struct app *app;
	bool yes;
	bool repair, clean;       /* some problem asks for it */
	struct problem *problems; /* owned */
	size_t n;
	int result; /* the first error */
};

static enum fix fix_of(const struct problem *p)
{
	const struct kind *kind = kind_find(p->id);

	return kind ? kind->fix : FIX_NONE;
}

/* ---- asking ------------------------------------------------------------- */

static bool is_agreed(const struct plan *plan, const char *question)
{
	char answer[16] = "";

	if (plan->yes)
		return true;
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	return !strcasecmp(answer, "y\n") || !strcasecmp(answer, "yes\n");
}

/* The problems that one action mends. */
static void list_problems(const struct plan *plan, enum fix fix)
{
	char line[PROBLEM_LINE_LEN];

	for (size_t i = 0; i < plan->n && !plan->yes; i++) {
		struct problem p = plan->problems[i];

		if (fix_of(&p) != fix)
			continue;
		*p.next = '\0';
		fprintf(stderr, "  %s\n", problem_line(&p, line));
	}
}

/* ---- monitors ----------------------------------------------------------- */

/* Of repairs that `watch` does not make: reconcile reports its own. Without a state nobody hears. */
static void tell_monitors(struct app *app, const char *ifname, const char *what)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	char why[PINDIR_WHY_LEN];

	if (!session_try_to_read(&session, app, why))
		event_report_iface(&session.state, TPROXY_EVENT_REPAIRED, if_nametoindex(ifname),
				   what);
}

/* ---- repair ------------------------------------------------------------- */

static void on_repaired(enum repair what, const char *ifname, void *arg)
{
	log_info("%s%srepaired: %s", ifname, *ifname ? ": " : "", repair_names[what]);
}

static void on_gave_up(const char *ifname, const char *whom, void *arg)
{
	log_warn("%s: the %s runs before ours again and again", ifname, whom);
}

static void on_fought(const struct rulefight *fight, bool over, void *arg)
{
	log_warn("%s: the rule \"%s\" comes before ours again and again", fight->ifname,
		 fight->rule);
}

/* As one pass of `watch`; and programs of another build are replaced. */
static int repair(struct app *app)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	__cleanup_free struct retry_table *retry = calloc(1, sizeof(*retry));
	const struct setup want = { 0 };
	struct rulefight fight = { 0 };
	const struct reconcile r = { .session = &session,
				     .repaired = on_repaired,
				     .gave_up = on_gave_up,
				     .retry = retry,
				     .fought = on_fought,
				     .fight = &fight };
	bool created;
	int err;

	if (!retry)
		return -ENOMEM;
	if (session_open_to_write(&session, app))
		return -EIO;
	err = setup_state(&session, &want, true, &created);
	return err ? err : reconcile(&r);
}

static void repair_if_agreed(struct plan *plan)
{
	if (!plan->repair)
		return;
	list_problems(plan, FIX_REPAIR);
	if (is_agreed(plan, "repair what is attached, as tproxy-loader watch does?"))
		plan->result = first_error(plan->result, repair(plan->app));
}

/* ---- clean -------------------------------------------------------------- */

static int clean(struct app *app)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	size_t doubts;
	bool present;

	if (clean_broken(app) || session_open_any(&session, app, &present))
		return -EIO;
	return clean_leftovers(&session, present, &doubts);
}

static void clean_if_agreed(struct plan *plan)
{
	int err;

	if (!plan->clean)
		return;
	list_problems(plan, FIX_CLEAN);
	if (!is_agreed(plan, "remove leftovers, as tproxy-loader clean does?"))
		return;
	err = clean(plan->app);
	if (!err)
		tell_monitors(plan->app, "", "leftovers");
	plan->result = first_error(plan->result, err);
}

/* ---- sysctls and the rest ----------------------------------------------- */

static bool was_before(const struct plan *plan, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(plan->problems[k].next, plan->problems[i].next))
			return true;
	return false;
}

static void ask_about(const struct sysctl_cure *cure, char *question, size_t size)
{
	size_t len = strlen(question);

	for (size_t i = 0; i < cure->n && len < size; i++)
		len += (size_t)snprintf(question + len, size - len, "%s%s to %s",
					i ? ", " : "\nset ", cure->items[i].name,
					cure->items[i].value);
	if (len < size)
		snprintf(question + len, size - len, "?");
}

/* The name of the setting alone, and the interface that it is of. */
static void report_setting(struct app *app, const struct sysctl_setting *setting)
{
	const char *name = strrchr(setting->name, '/') + 1;
	char ifname[IF_NAMESIZE] = "", what[TPROXY_NAME_LEN];

	sscanf(setting->name, "net/%*[^/]/conf/%15[^/]/", ifname);
	snprintf(what, sizeof(what), "sysctl %.*s", TPROXY_NAME_LEN - 8, name);
	tell_monitors(app, ifname, what);
}

static void set_if_agreed(struct plan *plan, size_t i)
{
	const struct problem *p = &plan->problems[i];
	char question[2 * PROBLEM_LINE_LEN], line[PROBLEM_LINE_LEN];
	struct sysctl_cure cure;
	int err = 0;

	if (fix_of(p) != FIX_SYSCTL || was_before(plan, i))
		return;
	if (!fix_sysctl_parse(p->next, &cure)) {
		log_info("not mended: %s", problem_line(p, line));
		return;
	}
	snprintf(question, sizeof(question), "  %s", p->text);
	ask_about(&cure, question, sizeof(question));
	if (!is_agreed(plan, question))
		return;
	for (size_t k = 0; k < cure.n && !err; k++) {
		err = fix_sysctl_write(&cure.items[k]);
		if (!err)
			report_setting(plan->app, &cure.items[k]);
	}
	plan->result = first_error(plan->result, err);
}

static void carry_out(struct plan *plan)
{
	char line[PROBLEM_LINE_LEN];

	repair_if_agreed(plan);
	clean_if_agreed(plan);
	for (size_t i = 0; i < plan->n; i++)
		set_if_agreed(plan, i);
	for (size_t i = 0; i < plan->n; i++)
		if (fix_of(&plan->problems[i]) == FIX_NONE)
			log_info("not ours to mend: %s", problem_line(&plan->problems[i], line));
}

/* ---- the whole ---------------------------------------------------------- */

static int make_plan(const struct examination *e, struct plan *plan)
{
	const struct problems *found = &e->checkup.problems;

	plan->problems = calloc(found->n ? found->n : 1, sizeof(*plan->problems));
	if (!plan->problems)
		return -ENOMEM;
	plan->n = found->n;
	for (size_t i = 0; i < plan->n; i++) {
		plan->problems[i] = found->items[i];
		plan->repair |= fix_of(&found->items[i]) == FIX_REPAIR;
		plan->clean |= fix_of(&found->items[i]) == FIX_CLEAN;
	}
	return 0;
}

/* The checks once; prints them unless it is the first of two runs for JSON. */
static int look(struct plan *plan, const char *ifname, bool last)
{
	struct examination e __cleanup_examination = EXAMINATION_CLOSED;
	int code = examine(&e, plan->app, ifname);

	if (code)
		return code;
	if (!plan->app->json)
		doctor_print_text(&e);
	else if (last)
		code = show_json_print(doctor_json(&e));
	if (!last && make_plan(&e, plan))
		return EXIT_FAILED;
	fflush(stdout);
	return code ? code : examination_exit_code(&e);
}

int doctor_fix(struct app *app, const char *ifname, bool yes)
{
	struct plan plan = { .app = app, .yes = yes };
	int code;

	if (!yes && !isatty(STDIN_FILENO))
		return app_usage_error("doctor --fix: asks before each step, and standard input is "
				       "no terminal (-y does not ask)");
	code = look(&plan, ifname, false);
	if (plan.n) {
		carry_out(&plan);
		code = look(&plan, ifname, true);
	} else if (app->json && plan.problems) {
		code = look(&plan, ifname, true);
	}
	free(plan.problems);
	return plan.result ? EXIT_FAILED : code;
}
