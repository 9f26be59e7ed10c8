/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/monitor/request.h"

#include "lib/parse.h"

enum { OPT_COUNT = 3000, OPT_DURATION };

static const struct option options[] = {
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "duration", required_argument, NULL, OPT_DURATION },
	APP_LONG_OPTIONS,
};

static int take_option(struct monitor_request *request, int opt)
{
	const char *why;
	__u32 value;

	switch (opt) {
	case OPT_COUNT:
		if (parse_u32(optarg, 1, UINT32_MAX, &value, &why))
			return app_usage_error("--count %s: %s (a number of events)", optarg, why);
		request->count = value;
		return EXIT_DONE;
	case OPT_DURATION:
		if (parse_u32(optarg, 1, UINT32_MAX, &value, &why))
			return app_usage_error("--duration %s: %s (a number of seconds)", optarg,
					       why);
		request->duration_ms = value * 1000ULL;
		return EXIT_DONE;
	default:
		return EXIT_USAGE;
	}
}

int monitor_request_parse(struct monitor_request *request, struct app *app, int argc, char **argv)
{
	const char *operand;
	int opt;

	*request = (struct monitor_request){ 0 };
	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (!opt)
			return app_usage_error("monitor: unexpected argument %s", operand);
		if (take_option(request, opt))
			return EXIT_USAGE;
	}
	return EXIT_DONE;
}
