/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/trace/request.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/mapped.h"
#include "lib/parse.h"

#define MAPPED_BITS (8 * MAPPED_LEN)
#define DURATION_MAX_S (365 * 86400)

enum { OPT_SRC = 3000, OPT_DST, OPT_PORT, OPT_PROTO, OPT_COUNT, OPT_DURATION, OPT_OWN };

static const struct option options[] = {
	{ "src", required_argument, NULL, OPT_SRC },
	{ "dst", required_argument, NULL, OPT_DST },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "proto", required_argument, NULL, OPT_PROTO },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "local", no_argument, NULL, OPT_OWN },
	APP_LONG_OPTIONS,
};

static const struct {
	const char *name;
	__u8 number;
} protocols[] = { { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { "icmp", IPPROTO_ICMP } };

/* ---- values ------------------------------------------------------------- */

/* bits: of the mapped address that count. */
static void set_mask(unsigned int bits, __u32 ret_mask[4])
{
	for (unsigned int i = 0; i < 4; i++, bits -= bits < 32 ? bits : 32)
		ret_mask[i] = bits >= 32 ? UINT32_MAX : bits ? htonl(UINT32_MAX << (32 - bits)) : 0;
}

static int take_prefix(struct trace_filter *filter, const char *option, const char *text)
{
	const bool src = !strcmp(option, "--src");
	struct prefix prefix;
	const char *why;

	if (parse_prefix(text, &prefix, &why))
		return app_usage_error("%s %s: %s (for example 192.0.2.7 or 2001:db8::/64)", option,
				       text, why);
	prefix_unmap(&prefix);
	if (filter->family && filter->family != prefix.family)
		return app_usage_error("%s %s: of another family than the other address (a flow "
				       "has one)",
				       option, text);
	filter->family = prefix.family;
	filter->flows = 1;
	mapped_from(prefix.family, prefix.addr, (__u8 *)(src ? filter->src : filter->dst));
	set_mask(prefix.len + (prefix.family == AF_INET ? MAPPED_BITS : 0),
		 src ? filter->src_mask : filter->dst_mask);
	return EXIT_DONE;
}

static __u8 protocol_of(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (strlen(protocols[i].name) == len && !strncmp(protocols[i].name, name, len))
			return protocols[i].number;
	return 0;
}

static int set_protocol(struct trace_filter *filter, __u8 proto, const char *text)
{
	if (!proto)
		return app_usage_error("%s: not a protocol (tcp, udp or icmp)", text);
	if (filter->proto && filter->proto != proto)
		return app_usage_error("%s: another protocol is given as well (choose one)", text);
	filter->proto = proto;
	return EXIT_DONE;
}

static int take_proto(struct trace_filter *filter, const char *text)
{
	return set_protocol(filter, protocol_of(text, strlen(text)), text);
}

/* PORT, or PROTO/PORT. */
static int take_port(struct trace_filter *filter, const char *text)
{
	const char *slash = strchr(text, '/'), *number = slash ? slash + 1 : text, *why;
	__u8 proto = slash ? protocol_of(text, (size_t)(slash - text)) : 0;
	__u32 port;

	if (slash && (!proto || proto == IPPROTO_ICMP))
		return app_usage_error("--port %s: its protocol has no ports (tcp/N or udp/N)",
				       text);
	if (parse_u32(number, 1, UINT16_MAX, &port, &why))
		return app_usage_error("--port %s: %s (a port, 1 to 65535)", text, why);
	filter->port = htons((__u16)port);
	filter->flows = 1;
	return slash ? set_protocol(filter, proto, text) : EXIT_DONE;
}

static int take_count(struct trace_request *request, const char *text)
{
	const char *why;

	if (parse_u32(text, 1, UINT32_MAX, &request->count, &why))
		return app_usage_error("--count %s: %s (a number of packets)", text, why);
	return EXIT_DONE;
}

static int take_duration(struct trace_request *request, const char *text)
{
	const char *why;
	__u32 seconds;

	if (parse_u32(text, 1, DURATION_MAX_S, &seconds, &why))
		return app_usage_error("--duration %s: %s (seconds, a year at most)", text, why);
	request->duration_ms = seconds * 1000ULL;
	return EXIT_DONE;
}

/* ---- the command line --------------------------------------------------- */

static int take_operand(struct trace_request *request, const char *operand)
{
	if (request->ifname)
		return app_usage_error("trace: unexpected argument %s (one interface, or none for "
				       "all that are attached)",
				       operand);
	request->ifname = operand;
	return EXIT_DONE;
}

static int take_option(struct trace_request *request, int opt)
{
	switch (opt) {
	case OPT_SRC:
		return take_prefix(&request->filter, "--src", optarg);
	case OPT_DST:
		return take_prefix(&request->filter, "--dst", optarg);
	case OPT_PORT:
		return take_port(&request->filter, optarg);
	case OPT_PROTO:
		return take_proto(&request->filter, optarg);
	case OPT_COUNT:
		return take_count(request, optarg);
	case OPT_DURATION:
		return take_duration(request, optarg);
	case OPT_OWN:
		request->local = true;
		return EXIT_DONE;
	default:
		return EXIT_USAGE;
	}
}

int trace_request_parse(struct trace_request *request, struct app *app, int argc, char **argv)
{
	const char *operand;
	int opt, code = EXIT_DONE;

	while (!code && (opt = app_next(app, argc, argv, options, &operand)) != -1)
		code = opt ? take_option(request, opt) : take_operand(request, operand);
	request->json = app->json;
	if (!code && request->local && request->ifname)
		return app_usage_error("trace: --local and %s: own traffic enters by no interface "
				       "(choose one)",
				       request->ifname);
	if (!code && request->filter.port && request->filter.proto == IPPROTO_ICMP)
		return app_usage_error("--port: ICMP has no ports (an ICMP error is shown with the "
				       "flow that it quotes)");
	return code;
}
