/* SPDX-License-Identifier: BSD-2-Clause */
/* top: flows, rules and clients by rate; on a terminal, as tables, or as JSON. */
#include <string.h>

#include "loader/commands.h"
#include "loader/top/meter.h"
#include "loader/top/print.h"
#include "loader/top/request.h"
#include "loader/top/screen.h"

#define LIMIT 100 /* rows that are printed, unless --limit says otherwise */

static int print(const struct app *app, const struct top_request *request,
		 const struct top_frame *frame)
{
	const size_t limit = request->limit ? request->limit : LIMIT;
	struct top_choice choice;
	int code = EXIT_DONE;

	if (top_choose(frame, request->view, TOP_BY_RATE, "", &choice)) {
		log_error("top: out of memory");
		return EXIT_FAILED;
	}
	if (app->json)
		code = top_print_json(&choice, limit);
	else
		top_print_text(&choice, limit);
	top_choice_free(&choice);
	if (!code && (fflush(stdout) || ferror(stdout))) {
		log_error("standard output: %s", strerror(errno));
		code = EXIT_FAILED;
	}
	return code;
}

/* There is nothing to show if neither rules nor flows could be read. */
static int code_for(const struct top_frame *frame)
{
	return frame->attached || frame->relayed ? EXIT_DONE : EXIT_NOT_ATTACHED;
}

/* The first sample only begins the first interval. */
static int print_next(struct top_meter *meter, const struct app *app,
		      const struct top_request *request)
{
	struct top_frame frame = { .n_relays = 0 };
	int code = EXIT_DONE;

	if (top_meter_read(meter, &frame)) {
		log_error("top: out of memory");
		return EXIT_FAILED;
	}
	if (frame.interval_ms)
		code = print(app, request, &frame);
	if (!code && request->once)
		code = code_for(&frame);
	top_frame_free(&frame);
	return code;
}

static int print_tables(struct app *app, const struct top_request *request)
{
	static struct top_meter meter; /* too large for a stack */
	int code;

	meter.source.app = app;
	code = print_next(&meter, app, request);
	while (code == EXIT_DONE || (request->once && code == EXIT_NOT_ATTACHED)) {
		usleep(request->interval_ms * 1000);
		code = print_next(&meter, app, request);
		if (request->once)
			break;
		if (!app->json)
			printf("\n");
	}
	top_meter_close(&meter);
	return code;
}

int cmd_top(struct app *app, int argc, char **argv)
{
	struct top_request request;
	int code = top_request_parse(&request, app, argc, argv);

	if (code)
		return code;
	if (!app_enter(app))
		return EXIT_FAILED;
	if (request.once || app->json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return print_tables(app, &request);
	return top_screen_run(app, &request);
}
