/* SPDX-License-Identifier: BSD-2-Clause */
/* save: prints the live policy as a configuration file. Changes nothing. */
#include <string.h>

#include "loader/commands.h"
#include "loader/edit/saved.h"
#include "loader/show/adopted.h"
#include "loader/show/show.h"
#include "loader/steps/session_open.h"

static int print_json(const struct config *config)
{
	struct json_object *root = show_json_root();
	__cleanup_free char *text = config_text(config);

	json_object_object_add(root, "config", json_object_new_string(text ? text : ""));
	return show_json_print(root);
}

int cmd_save(struct app *app, int argc, char **argv)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct config config __cleanup_config = { 0 };
	int code, err;

	if (app_no_operand(app, argc, argv, "takes no arguments (it prints to standard output)"))
		return EXIT_USAGE;
	if (!app_enter(app))
		return EXIT_FAILED;
	code = session_open_to_read(&session, app);
	if (code)
		return code;
	err = saved_config(&session.state, &config);
	if (err) {
		log_error("%s: cannot read the policy: %s", session.state.dir, strerror(-err));
		return EXIT_FAILED;
	}
	if (app->json)
		return print_json(&config);
	adopted_print_comments(&session.state);
	err = config_print(&config, stdout);
	if (err)
		log_error("stdout: %s", strerror(-err));
	return err ? EXIT_FAILED : EXIT_DONE;
}
