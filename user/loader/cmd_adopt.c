/* SPDX-License-Identifier: BSD-2-Clause */
/* adopt: a running program becomes a transparent proxy, or is released. Owns the order only. */
#include <string.h>

#include "loader/adopt/adopt.h"
#include "loader/adopt/release.h"
#include "loader/adopt/request.h"
#include "loader/commands.h"
#include "loader/listeners/users.h"
#include "loader/show/adopted.h"
#include "loader/steps/own/own_alone.h"
#include "loader/steps/session_open.h"

static int list(struct app *app)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	int code = session_open_to_read(&session, app);

	return code ? code : adopted_show(&session.state, app->json);
}

static int release(struct app *app, const struct adopt_request *request)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	int err, code;

	session.dry_run = request->dry_run;
	code = session_open_to_write(&session, app);
	if (code)
		return code;
	err = request->all ? release_all(&session) : release_pid(&session, request->want.pid);
	return err ? EXIT_FAILED : EXIT_DONE;
}

static int adopt_in_session(struct app *app, const struct adopt_request *request,
			    struct adopted_result *ret_result)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	int code;

	session.dry_run = request->dry_run;
	code = session_open_to_write(&session, app);
	if (!code && request->want.rule)
		code = users_check_rule(&session, request->want.rule);
	if (!code)
		code = adopt_process(&session, &request->want, ret_result);
	if (!code && !session.dry_run)
		own_leave_proxies_alone(&session.state, NULL);
	if (!code && !request->want.rule)
		users_remark(&session, &ret_result->proxy);
	return code;
}

/* The rule is edited by the frame of all edits, which opens a session of its own. */
static int adopt(struct app *app, const struct adopt_request *request)
{
	struct adopted_result result = { .remarks = 0 };
	int code = adopt_in_session(app, request, &result);

	if (!code && request->want.rule)
		code = users_edit_rule(app, request->want.rule, &result.proxy, request->dry_run);
	return !code && result.remarks ? EXIT_REMARKS : code;
}

int cmd_adopt(struct app *app, int argc, char **argv)
{
	struct adopt_request request = { .list = false };
	int code = adopt_request_parse(&request, app, argc, argv);

	if (code)
		return code;
	if (!app_enter(app))
		return EXIT_FAILED;
	if (request.list)
		return list(app);
	return request.release ? release(app, &request) : adopt(app, &request);
}
