/* SPDX-License-Identifier: BSD-2-Clause */
/* confirm: keeps a policy that was applied with --confirm-within. */
#include <string.h>

#include "kernel/events/report.h"
#include "kernel/maps/confirm_deadline.h"
#include "loader/commands.h"
#include "loader/show/show.h"
#include "loader/steps/confirm.h"
#include "loader/steps/confirm_guard.h"
#include "loader/steps/session_open.h"

static int report(const struct session *session, bool confirmed)
{
	struct json_object *root;

	if (!session->app->json) {
		log_info(confirmed ? "confirmed: generation %u stays" :
				     "no policy waits to be confirmed: generation %u stays",
			 session->state.config.generation);
		return EXIT_DONE;
	}
	root = show_json_root();
	json_object_object_add(root, "confirmed", json_object_new_boolean(confirmed));
	json_object_object_add(root, "generation",
			       json_object_new_int64(session->state.config.generation));
	return show_json_print(root);
}

static int confirm(struct session *session)
{
	struct confirm_deadline deadline;
	int err = confirm_deadline_read(&session->state, &deadline);

	if (err) {
		log_error("%s: cannot read the deadline: %s", session->state.dir, strerror(-err));
		return EXIT_FAILED;
	}
	if (confirm_deadline_fell_back(&session->state, &deadline)) {
		log_error(
			"confirm: too late: generation %u was not confirmed in time, the previous "
			"policy is back (apply it again)",
			deadline.fell_back);
		return EXIT_FAILED;
	}
	if (!confirm_deadline_is_armed(&session->state, &deadline))
		return report(session, false);
	if (confirm_end(session))
		return EXIT_FAILED;
	event_report_policy(&session->state, TPROXY_EVENT_CONFIRMED, "confirm");
	return report(session, true);
}

int cmd_confirm(struct app *app, int argc, char **argv)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	int code;

	if (app_no_operand(app, argc, argv, "takes no arguments"))
		return EXIT_USAGE;
	if (!app_enter(app))
		return EXIT_FAILED;
	/* Opening restores the previous policy if the deadline has passed. */
	code = session_open_to_write(&session, app);
	return code ? code : confirm(&session);
}
