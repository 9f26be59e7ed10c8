/* SPDX-License-Identifier: BSD-2-Clause */
/* status: what is attached, and a verdict. Must not know how the state is read or printed. */
#include <string.h>

#include "kernel/watch/session.h"
#include "loader/commands.h"
#include "loader/show/show.h"
#include "loader/show/status.h"
#include "loader/steps/session_open.h"

enum { OPT_PROBE = 3000 };

static const struct option options[] = { { "probe", no_argument, NULL, OPT_PROBE },
					 APP_LONG_OPTIONS };

/* With --json the answer to an absent state is an object, too. */
static void print_absent_json(const struct app *app)
{
	struct json_object *root = show_json_root();

	json_object_object_add(root, "attached", json_object_new_boolean(false));
	json_object_object_add(root, "pin_dir", json_object_new_string(app->pin_dir));
	json_object_object_add(root, "interfaces", json_object_new_array());
	show_json_print(root);
}

static int exit_code_of(const struct status *s)
{
	static const int codes[VERDICT_MAX] = {
		[VERDICT_OK] = EXIT_DONE,
		[VERDICT_DEGRADED] = EXIT_REMARKS,
		[VERDICT_BROKEN] = EXIT_BROKEN,
	};

	return s->n || s->own.attached ? codes[problems_verdict(&s->checkup.problems)] :
					 EXIT_NOT_ATTACHED;
}

static int print(const struct status *s, const struct app *app)
{
	int code = EXIT_DONE;

	if (app->json)
		code = status_print_json(s);
	else
		status_print_text(s);
	return code ? code : exit_code_of(s);
}

static int read_and_print(struct session *session, const struct status_want *want)
{
	struct status s __cleanup_status = { .n = 0 };
	int err = status_read(&s, session, want);

	if (err) {
		log_error("%s: cannot read the maps: %s", session->state.dir, strerror(-err));
		return EXIT_FAILED;
	}
	if (want->ifname && !s.n)
		return session_refuse_unattached(want->ifname);
	return print(&s, session->app);
}

static int status(struct app *app, const struct status_want *want)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct command_lock lock = COMMAND_LOCK_NONE;
	int code = session_open_to_read(&session, app);

	if (code == EXIT_NOT_ATTACHED && app->json)
		print_absent_json(app);
	if (!code) /* memory that is of no use to anybody, and no state */
		watch_sessions_clean(&session.state);
	if (!code && want->probe && !command_lock_wait(&lock, app))
		code = EXIT_FAILED;
	if (!code)
		code = read_and_print(&session, want);
	command_lock_release(&lock);
	return code;
}

int cmd_status(struct app *app, int argc, char **argv)
{
	struct status_want want = { 0 };
	const char *operand;
	int opt;

	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (opt == OPT_PROBE) {
			want.probe = true;
			continue;
		}
		if (want.ifname)
			return app_usage_error("status: one interface at most");
		want.ifname = operand;
	}
	return app_enter(app) ? status(app, &want) : EXIT_FAILED;
}
