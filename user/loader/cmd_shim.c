/* SPDX-License-Identifier: BSD-2-Clause */
/* shim: answers SO_ORIGINAL_DST in a cgroup. Must not know how. */
#include <string.h>

#include "kernel/shim/shim.h"
#include "loader/adopt/shims.h"
#include "loader/commands.h"
#include "loader/show/adopted.h"
#include "loader/steps/session_open.h"

enum { OPT_CGROUP = 3000, OPT_OFF, OPT_DRY_RUN };

static const struct option options[] = {
	{ "cgroup", required_argument, NULL, OPT_CGROUP },
	{ "off", no_argument, NULL, OPT_OFF },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	APP_LONG_OPTIONS,
};

struct request {
	char path[SHIM_PATH_LEN];
	bool off, dry_run;
};

static int take_path(struct request *request, const char *text)
{
	int err = shim_path(text, request->path);

	if (!err)
		return EXIT_DONE;
	return app_usage_error("shim: --cgroup %s: %s", text,
			       err == -EINVAL ?
				       "not a path of a cgroup (/system.slice/NAME.service)" :
				       strerror(-err));
}

static int parse_request(struct app *app, int argc, char **argv, struct request *request)
{
	const char *operand;
	int opt;

	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (!opt)
			return app_usage_error("shim: unexpected argument %s", operand);
		if (opt == OPT_CGROUP && take_path(request, optarg))
			return EXIT_USAGE;
		request->off |= opt == OPT_OFF;
		request->dry_run |= opt == OPT_DRY_RUN;
	}
	return *request->path ? EXIT_DONE : app_usage_error("shim: which cgroup? (--cgroup PATH)");
}

int cmd_shim(struct app *app, int argc, char **argv)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct request request = { .off = false };
	int err, code = parse_request(app, argc, argv, &request);

	if (code)
		return code;
	if (!app_enter(app))
		return EXIT_FAILED;
	session.dry_run = request.dry_run;
	code = session_open_to_write(&session, app);
	if (code)
		return code;
	err = request.off ? shims_off(&session, request.path) :
			    shims_on(&session, request.path, false);
	return err ? EXIT_FAILED : EXIT_DONE;
}
