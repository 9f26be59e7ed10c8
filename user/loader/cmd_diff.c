/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff FILE: what applying the file would change. diff: what was edited since the last
 * apply, by commands or by hand. Changes nothing.
 */
#include <string.h>

#include "kernel/maps/policy_maps.h"
#include "loader/commands.h"
#include "loader/edit/changes.h"
#include "loader/edit/conffile.h"
#include "loader/show/show.h"
#include "loader/steps/session_open.h"

static int compare_since(struct session *session, const struct policy *live,
			 struct changes *changes)
{
	struct config applied __cleanup_config = { 0 };
	int err = changes_since_apply(changes, &session->state, live);

	if (!err)
		err = changes_applied(&session->state, &applied);
	return err ? err : changes_of_devices(changes, session, &applied, CHANGES_SINCE);
}

static int compare(struct session *session, const struct config *config, struct changes *changes)
{
	struct policy live __cleanup_policy = { 0 };
	int err = policy_maps_read(&session->state, &live);

	if (!err && !config)
		return compare_since(session, &live, changes);
	if (!err)
		changes_of_setup(changes, &session->state, config);
	if (!err)
		err = changes_between(changes, &live, &config->policy);
	if (!err)
		err = changes_of_pools(changes, &session->state, config);
	if (!err)
		err = changes_of_ifaces(changes, &session->state, &live);
	return err ? err : changes_of_devices(changes, session, config, CHANGES_TO_FILE);
}

static int report(struct app *app, struct changes *changes)
{
	struct json_object *root;

	if (app->json) {
		root = show_json_root();
		json_object_object_add(root, "same", json_object_new_boolean(!changes->n));
		json_object_object_add(root, "changes", changes->array);
		show_json_print(root);
	} else if (!changes->n) {
		log_info("no difference");
	}
	return changes->n ? EXIT_REMARKS : EXIT_DONE;
}

static int diff(struct app *app, const struct config *config)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct changes changes = { .indent = "" };
	int err, code;

	if (!app_enter(app))
		return EXIT_FAILED;
	code = session_open_to_read(&session, app);
	if (code)
		return code;
	if (app->json)
		changes.array = json_object_new_array();
	else
		changes.out = stdout;
	err = compare(&session, config, &changes);
	if (!err)
		return report(app, &changes);
	json_object_put(changes.array);
	if (err == -ENOENT)
		log_error("diff: no file was applied yet (tproxy-loader diff FILE)");
	else
		log_error("%s: cannot compare the policies: %s", session.state.dir, strerror(-err));
	return EXIT_FAILED;
}

int cmd_diff(struct app *app, int argc, char **argv)
{
	struct config config __cleanup_config = { 0 };
	const char *path = NULL;

	if (app_one_operand(app, argc, argv, &path))
		return EXIT_USAGE;
	if (path && conffile_read(path, NULL, &config))
		return EXIT_FAILED;
	return diff(app, path ? &config : NULL);
}
