/* SPDX-License-Identifier: BSD-2-Clause */
/* check FILE: is it a configuration, and can it work on this host? */
#include "lib/log.h"
#include "loader/app/app.h"
#include "loader/commands.h"
#include "loader/edit/conffile.h"
#include "loader/edit/review.h"
#include "loader/show/show.h"

/* If the addresses of the host cannot be read, the file alone is reviewed. */
static void review_host(const char *path, const struct config *config,
			struct conffile_report *report)
{
	struct nl nl;

	if (nl_open(&nl))
		return;
	review_addresses(report, conffile_name(path), config, &nl);
	nl_close(&nl);
}

static int check(struct app *app, const char *path)
{
	struct config config __cleanup_config = { 0 };
	struct conffile_report report = {
		.errors = app->json ? json_object_new_array() : NULL,
		.warnings = app->json ? json_object_new_array() : NULL,
		.of_host = true,
	};
	int code, err = conffile_read(path, &report, &config);
	const struct conffile_size size = conffile_size(&config.policy);
	struct json_object *root;

	/* Here, and not in conffile_read, because apply has a message of its own. */
	if (!err && config_is_empty(&config))
		conffile_warn(&report, conffile_name(path), 1,
			      "no rule and no pool: nothing is intercepted (apply wants --empty "
			      "where there are some)");
	if (!err)
		review_host(path, &config, &report);
	code = err ? EXIT_FAILED : report.n_warnings ? EXIT_REMARKS : EXIT_DONE;
	if (!app->json) {
		if (!err)
			log_info("%s: %zu rules, %zu prefixes", path, size.rules, size.prefixes);
		return code;
	}
	root = show_json_root();
	json_object_object_add(root, "valid", json_object_new_boolean(!err));
	json_object_object_add(root, "errors", report.errors);
	json_object_object_add(root, "warnings", report.warnings);
	if (!err) {
		json_object_object_add(root, "rules", json_object_new_uint64(size.rules));
		json_object_object_add(root, "prefixes", json_object_new_uint64(size.prefixes));
	}
	show_json_print(root);
	return code;
}

int cmd_check(struct app *app, int argc, char **argv)
{
	const char *path = NULL;

	if (app_one_operand(app, argc, argv, &path))
		return EXIT_USAGE;
	if (!path)
		return app_usage_error("check: which file? (check FILE)");
	return app_enter(app) ? check(app, path) : EXIT_FAILED;
}
