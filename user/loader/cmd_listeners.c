/* SPDX-License-Identifier: BSD-2-Clause */
/* listeners: the sockets that flows can be given to. Must not know how they are found. */
#include <string.h>

#include "loader/commands.h"
#include "loader/listeners/table.h"
#include "loader/steps/session_open.h"

int cmd_listeners(struct app *app, int argc, char **argv)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct listener_table table __cleanup_listener_table = { .records = RECORDS_CLOSED };
	int err, code = app_no_operand(app, argc, argv, NULL);

	if (code)
		return code;
	if (!app_enter(app))
		return EXIT_FAILED;
	code = session_open_to_read(&session, app);
	if (code)
		return code;
	err = listener_table_read(&session, &table);
	if (err) {
		log_error("%s: cannot read the listeners: %s", session.state.dir, strerror(-err));
		return EXIT_FAILED;
	}
	if (!app->json)
		listener_table_print(&table, &session.state);
	else
		code = listener_table_print_json(&table, &session.state);
	return code ? code : table.n_gaps ? EXIT_REMARKS : EXIT_DONE;
}
