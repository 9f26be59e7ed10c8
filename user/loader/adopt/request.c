/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/adopt/request.h"

#include <limits.h>
#include <netinet/in.h>
#include <string.h>

enum {
	OPT_PID = 3000,
	OPT_PORT,
	OPT_RULE,
	OPT_ORIGINAL_DST,
	OPT_DRY_RUN,
	OPT_LIST,
	OPT_RELEASE,
	OPT_ALL
};

static const struct option options[] = {
	{ "pid", required_argument, NULL, OPT_PID },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "rule", required_argument, NULL, OPT_RULE },
	{ "original-dst", no_argument, NULL, OPT_ORIGINAL_DST },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "release", no_argument, NULL, OPT_RELEASE },
	{ "all", no_argument, NULL, OPT_ALL },
	APP_LONG_OPTIONS,
};

static int take_number(const char *option, const char *text, __u32 max, __u32 *ret_value)
{
	const char *why;

	if (!parse_u32(text, 1, max, ret_value, &why))
		return EXIT_DONE;
	return app_usage_error("adopt: %s %s: %s", option, text, why);
}

/* 8080, tcp/8080 or udp/8080 */
static int take_port(struct adopt_want *want, const char *text)
{
	const char *number = text;
	__u32 port = 0;
	int code;

	if (!strncmp(text, "tcp/", 4))
		want->protocol = IPPROTO_TCP;
	else if (!strncmp(text, "udp/", 4))
		want->protocol = IPPROTO_UDP;
	number += want->protocol ? 4 : 0;
	code = take_number("--port", number, 65535, &port);
	want->port = (__u16)port;
	return code;
}

static int take_option(struct adopt_request *request, int opt, const char *value)
{
	__u32 pid = 0;
	int code = EXIT_DONE;

	switch (opt) {
	case OPT_PID:
		code = take_number("--pid", value, INT_MAX, &pid);
		request->want.pid = (pid_t)pid;
		break;
	case OPT_PORT:
		code = take_port(&request->want, value);
		break;
	case OPT_RULE:
		request->want.rule = value;
		break;
	default:
		request->want.original_dst |= opt == OPT_ORIGINAL_DST;
		request->dry_run |= opt == OPT_DRY_RUN;
		request->list |= opt == OPT_LIST;
		request->release |= opt == OPT_RELEASE;
		request->all |= opt == OPT_ALL;
	}
	return code;
}

static int check(const struct adopt_request *request)
{
	const struct adopt_want *want = &request->want;
	const bool adopts = want->port || want->rule || want->original_dst;

	if (request->list && (want->pid || request->release || request->all || adopts))
		return app_usage_error("adopt --list: takes no other options");
	if (request->release && (adopts || !want->pid == !request->all))
		return app_usage_error("adopt --release: which program? (--pid N or --all)");
	if (!request->release && request->all)
		return app_usage_error("adopt: --all needs --release");
	if (!request->release && !request->list && !want->pid)
		return app_usage_error("adopt: which process? (--pid N)");
	return EXIT_DONE;
}

int adopt_request_parse(struct adopt_request *request, struct app *app, int argc, char **argv)
{
	const char *operand;
	int opt, code;

	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (!opt)
			return app_usage_error("adopt: unexpected argument %s", operand);
		code = take_option(request, opt, optarg);
		if (code)
			return code;
	}
	return check(request);
}
