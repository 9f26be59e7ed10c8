/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor: why does it not work? Runs all checks; explains, mends, or packs a report of a bug. */
#include "loader/commands.h"

#include <string.h>

#include "loader/doctor/bundle/bundle.h"
#include "loader/doctor/doctor_print.h"
#include "loader/doctor/fix.h"
#include "loader/show/show.h"

enum { OPT_FIX = 3000, OPT_EXPLAIN, OPT_BUNDLE, OPT_WITH_LOGS };

static const struct option options[] = { { "fix", no_argument, NULL, OPT_FIX },
					 { "yes", no_argument, NULL, 'y' },
					 { "explain", no_argument, NULL, OPT_EXPLAIN },
					 { "bundle", required_argument, NULL, OPT_BUNDLE },
					 { "with-logs", required_argument, NULL, OPT_WITH_LOGS },
					 APP_LONG_OPTIONS };

struct request {
	const char *operand; /* IF, or after --explain an id */
	bool fix, yes, explain;
	const char *bundle, *log;
};

static void take_option(struct request *request, int opt)
{
	switch (opt) {
	case OPT_FIX:
		request->fix = true;
		break;
	case OPT_EXPLAIN:
		request->explain = true;
		break;
	case OPT_BUNDLE:
		request->bundle = optarg;
		break;
	case OPT_WITH_LOGS:
		request->log = optarg;
		break;
	default:
		request->yes = true;
	}
}

static int check_request(const struct request *request)
{
	if (request->fix + request->explain + (request->bundle != NULL) > 1)
		return app_usage_error("doctor: --fix, --explain or --bundle: one of them");
	if (request->yes && !request->fix)
		return app_usage_error("doctor: -y belongs to --fix");
	if (request->bundle && !strcmp(request->bundle, "-"))
		return app_usage_error("doctor: --bundle -: the name of a new file is expected");
	if (request->log && !request->bundle)
		return app_usage_error("doctor: --with-logs belongs to --bundle");
	return EXIT_DONE;
}

static int parse(struct app *app, int argc, char **argv, struct request *request)
{
	const char *operand;
	int opt;

	app->short_options = "y";
	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (opt) {
			take_option(request, opt);
			continue;
		}
		if (request->operand)
			return app_usage_error("doctor: unexpected argument %s", operand);
		request->operand = operand;
	}
	return check_request(request);
}

static int examine_and_print(struct app *app, const char *ifname)
{
	struct examination e __cleanup_examination = EXAMINATION_CLOSED;
	int code = examine(&e, app, ifname);

	if (code)
		return code;
	if (app->json)
		code = show_json_print(doctor_json(&e));
	else
		doctor_print_text(&e);
	return code ? code : examination_exit_code(&e);
}

int cmd_doctor(struct app *app, int argc, char **argv)
{
	struct request request = { 0 };
	int code = parse(app, argc, argv, &request);

	if (code)
		return code;
	if (request.explain)
		return doctor_explain(request.operand, app->json);
	if (!app_enter(app))
		return EXIT_FAILED;
	if (request.fix)
		return doctor_fix(app, request.operand, request.yes);
	if (request.bundle)
		return doctor_bundle(app, request.operand,
				     &(struct bundle_want){ request.bundle, request.log });
	return examine_and_print(app, request.operand);
}
