/* SPDX-License-Identifier: BSD-2-Clause */
/* flows: who is connected through the running relays, and by which rule. `kill` ends flows. */
#include <string.h>

#include "loader/commands.h"
#include "loader/flows/audited.h"
#include "loader/flows/kill.h"
#include "loader/flows/naming.h"
#include "loader/steps/session_open.h"

/* The state, if it can be read: its rules, and the flows that it audits. */
struct flows_live {
	struct session session;
	int code;             /* of opening it */
	int err;              /* of reading the rules */
	struct naming naming; /* EXIT_DONE and 0: open */
};

/* Without the right to read the rules, or where nothing is attached, the list is still useful. */
static void open_state(struct flows_live *s, struct app *app)
{
	s->session.app = app;
	log_init("tproxy-loader", app->level >= LOG_DEBUG ? app->level : LOG_SILENT);
	s->code = session_open_to_read(&s->session, app);
	log_init("tproxy-loader", app->level);
	if (!s->code)
		s->err = naming_open(&s->naming, &s->session);
}

static int report_state(const struct flows_live *s, bool required)
{
	struct session again __cleanup_session = SESSION_CLOSED;

	again.app = s->session.app;
	if (s->code && required)
		return session_open_to_read(&again, again.app) ?: EXIT_FAILED;
	if (s->code == EXIT_FAILED)
		log_warn(
			"rules: cannot be read, so they are not shown (run as root; -v shows why)");
	if (s->err)
		log_error("%s: cannot read the maps: %s (run as root)", s->session.state.dir,
			  strerror(-s->err));
	return s->err && required ? EXIT_FAILED : EXIT_DONE;
}

/* For flow_report; arg: the struct flows_live. Without an audit rule there is no need to look. */
static int add_forwarded(struct flow_list *list, const struct flows_filter *filter, void *arg)
{
	const struct flows_live *s = arg;
	const size_t before = list->n;
	int err;

	if (s->code || s->err)
		return -ENOENT;
	err = audited_add(list, filter, &s->session.state, s->naming.rules);
	return err || list->n > before || s->session.state.config.audit ? err : -ENOENT;
}

static int print(const struct flow_report *report, struct flow_list *list)
{
	int err = flow_report_print(report, list);

	if (err) {
		log_error("standard output: %s (the list is not complete)", strerror(-err));
		return EXIT_FAILED;
	}
	if (!list->silent)
		return EXIT_DONE;
	log_warn("the list is not complete: %u of the relay's processes did not answer (try again)",
		 list->silent);
	return EXIT_REMARKS;
}

static int show(struct flows_live *s, struct flow_report *report)
{
	struct flow_list list __cleanup_flow_list = { .n = 0 };
	char why[FLOWS_WHY_LEN];
	int code;

	report->forwarded = add_forwarded;
	report->arg = s;
	if (flow_report_collect(report, &list, why)) {
		log_error("%s", why);
		return EXIT_FAILED;
	}
	code = report_state(s, report->key == FLOWS_RULE);
	if (code)
		return code;
	if (!s->code && !s->err)
		naming_apply(&s->naming, &s->session, &list);
	return print(report, &list);
}

/* ---- kill --------------------------------------------------------------- */

static bool is_forwarded(struct flows_live *s, const struct flows_filter *filter)
{
	struct flow_list list __cleanup_flow_list = { .n = 0 };

	return !add_forwarded(&list, filter, s) && list.n;
}

/* True after a reported error. */
static bool refuse_forwarded(struct flows_live *s, const struct flows_command *command)
{
	bool refused = false;

	for (size_t i = 0; i < command->n_ids; i++) {
		struct flows_filter filter = command->report.filter;

		filter.id = command->ids[i];
		if (!is_forwarded(s, &filter))
			continue;
		log_error("flow %llu: it is forwarded and audited, so no program here can end it "
			  "(its client or server can; a rule that drops or resets concerns new "
			  "flows only)",
			  (unsigned long long)filter.id);
		refused = true;
	}
	return refused;
}

static int kill_flows(struct flows_live *s, const struct flows_command *command)
{
	if (refuse_forwarded(s, command))
		return EXIT_FAILED;
	if (!command->n_ids && is_forwarded(s, &command->report.filter))
		log_warn("audited flows match, too: they are forwarded, and continue (a rule that "
			 "drops or resets concerns new flows only)");
	return flows_kill(command);
}

int cmd_flows(struct app *app, int argc, char **argv)
{
	static struct flows_live s; /* too large for a stack */
	struct flows_command command __cleanup_flows_command = { .kill = false };
	int code = flows_command_parse(&command, app, argc, argv);

	if (code)
		return code;
	if (!app_enter(app))
		return EXIT_FAILED;
	s.session = (struct session)SESSION_CLOSED;
	open_state(&s, app);
	code = command.kill ? kill_flows(&s, &command) : show(&s, &command.report);
	naming_close(&s.naming);
	session_close(&s.session);
	return code;
}
