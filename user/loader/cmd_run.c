/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run: starts one program whose traffic the rules take, whatever owners they name, or never. The
 * program takes the place of this process, so that signals and the exit status are its own.
 */
#include <errno.h>
#include <string.h>

#include "loader/commands.h"
#include "loader/own/run.h"
#include "loader/steps/session_open.h"

/* As those of env(1) and of shells. */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127

struct request {
	enum own_run kind;
	const char *allow, *cgroup;
	char **words; /* of the program; NULL at the end */
};

static int parse(struct app *app, int argc, char **argv, struct request *request)
{
	enum { OPT_NOT = 1, OPT_ALLOW, OPT_CGROUP };
	static const struct option options[] = {
		{ "not", no_argument, NULL, OPT_NOT },
		{ "allow", required_argument, NULL, OPT_ALLOW },
		{ "cgroup", required_argument, NULL, OPT_CGROUP },
		APP_LONG_OPTIONS,
	};
	int opt;

	while ((opt = app_getopt(app, argc, argv, options)) != -1) {
		if (opt == OPT_NOT)
			request->kind = OWN_RUN_OUT;
		else if (opt == OPT_ALLOW)
			request->allow = optarg;
		else if (opt == OPT_CGROUP)
			request->cgroup = optarg;
		else
			return EXIT_USAGE;
	}
	request->words = argv + optind;
	if (request->allow && *request->words)
		return app_usage_error("run: --allow prepares only: unexpected argument %s",
				       *request->words);
	if (!request->allow && request->cgroup)
		return app_usage_error("run: --cgroup is for --allow only");
	if (!request->allow && !*request->words)
		return app_usage_error("run: which program? (tproxy-loader run -- COMMAND)");
	return EXIT_DONE;
}

static int prepare(struct app *app, const struct request *request)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	int code;

	if (geteuid() && !request->allow)
		return own_run_enter_prepared(request->kind);
	code = session_open_to_read(&session, app);
	if (code)
		return code;
	return request->allow ?
		       own_run_allow(&session, request->kind, request->allow, request->cgroup) :
		       own_run_enter(&session, request->kind);
}

static int become(char **words)
{
	int err;

	execvp(words[0], words);
	err = errno;
	log_error("%s: cannot be started: %s", words[0], strerror(err));
	return err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

int cmd_run(struct app *app, int argc, char **argv)
{
	struct request request = { .kind = OWN_RUN_IN };
	int code = parse(app, argc, argv, &request);

	if (code)
		return code;
	if (!app_enter(app))
		return EXIT_FAILED;
	code = prepare(app, &request);
	return code || request.allow ? code : become(request.words);
}
