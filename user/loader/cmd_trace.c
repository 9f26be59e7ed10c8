/* SPDX-License-Identifier: BSD-2-Clause */
/* trace: what is decided about each packet, as it happens, and where the kernel drops it. */
#include "loader/commands.h"
#include "loader/trace/follow.h"

int cmd_trace(struct app *app, int argc, char **argv)
{
	struct trace_request request = { 0 };
	int code = trace_request_parse(&request, app, argc, argv);

	if (code)
		return code;
	return app_enter(app) ? trace_follow(app, &request) : EXIT_FAILED;
}
