/* SPDX-License-Identifier: BSD-2-Clause */
/* apply FILE: makes a file the live policy. Owns the command line and the report. */
#include <string.h>

#include "loader/commands.h"
#include "loader/edit/apply.h"
#include "loader/edit/conffile.h"
#include "loader/show/show.h"
#include "loader/steps/learn.h"
#include "loader/steps/session_open.h"

#define SHOWN_CHANGES 1000 /* at most, in JSON: a list may have a million prefixes */

enum { OPT_CONFIRM_WITHIN = 3000, OPT_EMPTY };

static const struct option options[] = {
	{ "confirm-within", required_argument, NULL, OPT_CONFIRM_WITHIN },
	{ "empty", no_argument, NULL, OPT_EMPTY },
	LEARN_LONG_OPTION,
	APP_LONG_OPTIONS,
};

static int take_duration(const char *value, __u64 *ret_ns)
{
	char number[16] = "";
	__u64 unit = 1000000000ULL;
	size_t digits = strspn(value, "0123456789");
	const char *suffix = value + digits;
	__u32 n;

	snprintf(number, sizeof(number), "%.*s", (int)digits, value);
	if (!strcmp(suffix, "m") || !strcmp(suffix, "min"))
		unit *= 60;
	else if (!strcmp(suffix, "ms"))
		unit = 1000000;
	else if (*suffix && strcmp(suffix, "s"))
		number[0] = '\0';
	if (!parse_u32(number, 1, 86400000, &n, NULL) && n * unit <= 86400 * 1000000000ULL) {
		*ret_ns = n * unit;
		return 0;
	}
	log_error("--confirm-within %s: not a time of at most a day (for example 60s or 5m)",
		  value);
	return -EINVAL;
}

struct request {
	__u64 within;       /* ns; 0: no confirmation needed */
	unsigned int learn; /* seconds */
	bool has_learn;     /* else the key `learn` of the file */
	bool may_empty;
};

static int report(const struct session *session, const struct apply *a, const char *path)
{
	const struct conffile_size size = conffile_size(&a->config->policy);
	bool waits = a->changed && a->confirm_within;
	struct json_object *root;

	if (!session->app->json) {
		if (!a->changed)
			log_info("%s: is the live policy already%s", path,
				 a->attached ? "; interfaces were attached" : "");
		else if (a->memory >> 20)
			log_info("%s: applied, at most %llu MiB of kernel memory", path,
				 a->memory >> 20);
		if (waits)
			log_info("the previous policy comes back in %.3g s unless confirmed "
				 "(tproxy-loader confirm)",
				 (double)a->confirm_within / 1e9);
		return EXIT_DONE;
	}
	root = show_json_root();
	json_object_object_add(root, "changed", json_object_new_boolean(a->changed));
	json_object_object_add(root, "generation",
			       json_object_new_int64(session->state.config.generation));
	json_object_object_add(root, "rules", json_object_new_uint64(size.rules));
	json_object_object_add(root, "prefixes", json_object_new_uint64(size.prefixes));
	json_object_object_add(root, "memory_bytes", json_object_new_uint64(a->memory));
	json_object_object_add(root, "attached", json_object_new_uint64(a->attached));
	json_object_object_add(root, "dropped_edits", json_object_get(a->edits->array));
	json_object_object_add(root, "dropped_edit_count",
			       json_object_new_uint64(a->edits->dropped));
	json_object_object_add(root, "changes", json_object_get(a->changes->array));
	json_object_object_add(root, "change_count", json_object_new_uint64(a->changes->n));
	if (waits)
		json_object_object_add(root, "confirm_within_seconds",
				       json_object_new_double((double)a->confirm_within / 1e9));
	return show_json_print(root);
}

static int apply(struct app *app, const char *path, const struct config *config,
		 const struct request *request, struct conffile_report *warnings)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct changes changes = { .limit = SHOWN_CHANGES };
	struct edits edits __cleanup_edits = { 0 };
	struct apply a = { .config = config,
			   .path = path,
			   .report = warnings,
			   .may_empty = request->may_empty,
			   .edits = &edits,
			   .confirm_within = request->within,
			   .learn = request->has_learn ? request->learn :
							 config_learn_seconds(config),
			   .progress = app->level >= LOG_NORMAL && isatty(STDERR_FILENO),
			   .changes = &changes };
	bool present;
	int code = session_open_any(&session, app, &present);

	if (code)
		return code;
	if (!present && !config->interfaces.n && !config->divert.n && !config->n_pools &&
	    !config->local) {
		log_error(
			"%s: tproxy is not attached, and the file names no interface "
			"(interfaces = IF or local = yes in [loader], or tproxy-loader attach IF)",
			path);
		return EXIT_NOT_ATTACHED;
	}
	changes.array = json_object_new_array();
	edits.array = json_object_new_array();
	code = apply_config(&session, &a, present) ? EXIT_FAILED : report(&session, &a, path);
	json_object_put(changes.array);
	json_object_put(edits.array);
	return code;
}

int cmd_apply(struct app *app, int argc, char **argv)
{
	struct config config __cleanup_config = { 0 };
	struct conffile_report report = { 0 };
	const char *operand, *path = NULL;
	struct request request = { 0 };
	int opt;

	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (opt == OPT_CONFIRM_WITHIN && take_duration(optarg, &request.within))
			return EXIT_USAGE;
		if (opt == OPT_LEARN && learn_take_seconds(optarg, &request.learn))
			return EXIT_USAGE;
		request.has_learn |= opt == OPT_LEARN;
		request.may_empty |= opt == OPT_EMPTY;
		if (!opt && path)
			return app_usage_error("apply: unexpected argument %s", operand);
		if (!opt)
			path = operand;
	}
	if (!path)
		return app_usage_error("apply: which file? (apply FILE)");
	if (conffile_read(path, &report, &config) || !app_enter(app))
		return EXIT_FAILED;
	return apply(app, path, &config, &request, &report);
}
