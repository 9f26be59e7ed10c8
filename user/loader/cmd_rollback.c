/* SPDX-License-Identifier: BSD-2-Clause */
/* rollback: restores the policy from before the last apply. The kernel still has it: one write. */
#include <string.h>

#include "kernel/events/report.h"
#include "kernel/maps/confirm_deadline.h"
#include "kernel/maps/generation.h"
#include "loader/commands.h"
#include "loader/show/show.h"
#include "loader/steps/answers.h"
#include "loader/steps/confirm.h"
#include "loader/steps/confirm_guard.h"
#include "loader/steps/own/own_alone.h"
#include "loader/steps/session_open.h"

static int rollback(struct session *session)
{
	struct state *state = &session->state;
	__u32 was = state->config.generation;
	struct json_object *root;
	int err;

	log_step("policy: generation %u, restored from before generation %u", was + 1, was);
	err = generation_rollback(state);
	if (err) {
		log_error("rollback: %s (%s%s)",
			  err == -ENOENT ? "there is no previous policy" : strerror(-err),
			  err == -EPERM ? "needs CAP_SYS_ADMIN; " : "",
			  state->config.generation == was ? "the policy stays" :
							    "the previous one is live");
		return EXIT_FAILED;
	}
	event_report_policy(state, TPROXY_EVENT_ROLLED_BACK, "rollback");
	own_leave_proxies_alone(state, NULL);
	if (confirm_end(session) || answers_settle(session))
		return EXIT_FAILED;
	if (!session->app->json)
		return EXIT_DONE;
	root = show_json_root();
	json_object_object_add(root, "generation", json_object_new_int64(state->config.generation));
	return show_json_print(root);
}

int cmd_rollback(struct app *app, int argc, char **argv)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct confirm_deadline deadline;
	int code;

	if (app_no_operand(app, argc, argv, "takes no arguments"))
		return EXIT_USAGE;
	if (!app_enter(app))
		return EXIT_FAILED;
	code = session_open_to_write(&session, app);
	if (code)
		return code;
	/* Opening may just have restored it by itself; a second rollback would undo that. */
	if (!confirm_deadline_read(&session.state, &deadline) &&
	    confirm_deadline_fell_back(&session.state, &deadline)) {
		confirm_end(&session);
		log_info("generation %u was not confirmed: the previous policy is back already",
			 deadline.fell_back);
		return EXIT_DONE;
	}
	return rollback(&session);
}
