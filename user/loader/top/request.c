/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/top/request.h"

#include <string.h>

#include "lib/parse.h"

#define INTERVAL_DEFAULT_MS 1000
/* A relay answers at most twice a second. */
#define INTERVAL_MIN_S 0.5
#define INTERVAL_MAX_S 3600

enum { OPT_BY = 3000, OPT_INTERVAL, OPT_LIMIT, OPT_ONCE };

static const struct option options[] = {
	{ "by", required_argument, NULL, OPT_BY },
	{ "interval", required_argument, NULL, OPT_INTERVAL },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "once", no_argument, NULL, OPT_ONCE },
	APP_LONG_OPTIONS,
};

static int take_view(struct top_request *request, const char *text)
{
	int view = parse_name(text, top_view_names, TOP_VIEW_MAX);

	if (view < 0)
		return app_usage_error("--by %s: unknown (flows, rules or clients)", text);
	request->view = (enum top_view)view;
	return EXIT_DONE;
}

static int take_interval(struct top_request *request, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (text[strspn(text, "0123456789.")] || end == text || *end ||
	    !(seconds >= INTERVAL_MIN_S && seconds <= INTERVAL_MAX_S))
		return app_usage_error("--interval %s: not a number of seconds from %.1f to %d",
				       text, INTERVAL_MIN_S, INTERVAL_MAX_S);
	request->interval_ms = (unsigned int)(seconds * 1000);
	return EXIT_DONE;
}

static int take_limit(struct top_request *request, const char *text)
{
	const char *why;
	__u32 limit;

	if (parse_u32(text, 1, UINT32_MAX, &limit, &why))
		return app_usage_error("--limit %s: %s (a number of rows)", text, why);
	request->limit = limit;
	return EXIT_DONE;
}

static int take_option(struct top_request *request, int opt)
{
	switch (opt) {
	case OPT_BY:
		return take_view(request, optarg);
	case OPT_INTERVAL:
		return take_interval(request, optarg);
	case OPT_LIMIT:
		return take_limit(request, optarg);
	case OPT_ONCE:
		request->once = true;
		return EXIT_DONE;
	default:
		return EXIT_USAGE;
	}
}

int top_request_parse(struct top_request *request, struct app *app, int argc, char **argv)
{
	const char *operand;
	int opt;

	*request = (struct top_request){ .interval_ms = INTERVAL_DEFAULT_MS };
	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (!opt)
			return app_usage_error("top: unexpected argument %s", operand);
		if (take_option(request, opt))
			return EXIT_USAGE;
	}
	return EXIT_DONE;
}
