/* SPDX-License-Identifier: BSD-2-Clause */
/* flows: who is connected through the running relays, and by which rule. `kill` ends flows. */
#include <string.h>

#include "loader/commands.h"
#include "loader/flows/kill.h"
#include "loader/flows/naming.h"
#include "loader/steps/session_open.h"

/* Without the right to read the rules, or where nothing is attached, the list is still useful. */
static int open_rules(struct session *session, struct app *app, bool required)
{
	enum log_level level = app->level;
	int code;

	if (required || level >= LOG_DEBUG)
		return session_open_to_read(session, app);
	log_init("tproxy-loader", LOG_SILENT);
	code = session_open_to_read(session, app);
	log_init("tproxy-loader", level);
	if (code == EXIT_FAILED)
		log_warn(
			"rules: cannot be read, so they are not shown (run as root; -v shows why)");
	return code;
}

static int name_rules(struct naming *naming, struct session *session, struct flow_list *list)
{
	int err = naming_open(naming, session);

	if (!err)
		naming_apply(naming, session, list);
	else
		log_error("%s: cannot read the maps: %s (run as root)", session->state.dir,
			  strerror(-err));
	return err ? EXIT_FAILED : EXIT_DONE;
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

static int show(struct session *session, const struct flow_report *report, struct flow_list *list)
{
	const bool required = report->key == FLOWS_RULE;
	static struct naming naming; /* too large for a stack */
	int code = open_rules(session, session->app, required);

	if (!code)
		code = name_rules(&naming, session, list);
	if (!code || !required)
		code = print(report, list);
	naming_close(&naming);
	return code;
}

int cmd_flows(struct app *app, int argc, char **argv)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct flows_command command __cleanup_flows_command = { .kill = false };
	struct flow_list list __cleanup_flow_list = { .n = 0 };
	char why[FLOWS_WHY_LEN];
	int code = flows_command_parse(&command, app, argc, argv);

	if (code)
		return code;
	if (!app_enter(app))
		return EXIT_FAILED;
	if (command.kill)
		return flows_kill(&command);
	if (flow_report_collect(&command.report, &list, why)) {
		log_error("%s", why);
		return EXIT_FAILED;
	}
	session.app = app;
	return show(&session, &command.report, &list);
}
