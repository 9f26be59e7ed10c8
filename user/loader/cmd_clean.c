/* SPDX-License-Identifier: BSD-2-Clause */
/* clean: removes what interrupted commands left over. */
#include "loader/commands.h"
#include "loader/steps/clean.h"
#include "loader/steps/session_open.h"

int cmd_clean(struct app *app, int argc, char **argv)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	size_t doubts = 0;
	bool present;
	int code;

	if (app_no_operand(app, argc, argv, NULL))
		return EXIT_USAGE;
	if (!app_enter(app))
		return EXIT_FAILED;
	if (clean_broken(app))
		return EXIT_FAILED;
	code = session_open_any(&session, app, &present);
	if (code)
		return code;
	if (clean_leftovers(&session, present, &doubts))
		return EXIT_FAILED;
	return doubts ? EXIT_REMARKS : EXIT_DONE;
}
