/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/flows/request.h"

#include <netinet/in.h>
#include <string.h>

#include "lib/flows/match.h"
#include "lib/mapped.h"
#include "lib/util.h"

#define SAMPLE_MS 1000

enum {
	OPT_BY = 3000,
	OPT_CLIENT,
	OPT_DESTINATION,
	OPT_PROTO,
	OPT_SORT,
	OPT_LIMIT,
	OPT_RATE,
	OPT_RELAY,
};

static const struct option options[] = {
	{ "by", required_argument, NULL, OPT_BY },
	{ "client", required_argument, NULL, OPT_CLIENT },
	{ "destination", required_argument, NULL, OPT_DESTINATION },
	{ "proto", required_argument, NULL, OPT_PROTO },
	{ "sort", required_argument, NULL, OPT_SORT },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "rate", no_argument, NULL, OPT_RATE },
	{ "relay", required_argument, NULL, OPT_RELAY },
	APP_LONG_OPTIONS,
};

/* ---- values ------------------------------------------------------------- */

/* Flows have IPv4 addresses where IPv6 would map them. */
static void unmap(struct prefix *p)
{
	__u8 mapped[16];

	memcpy(mapped, p->addr, sizeof(mapped));
	if (p->family != AF_INET6 || p->len < 8 * MAPPED_LEN || !mapped_is(mapped))
		return;
	p->family = mapped_to(mapped, p->addr);
	p->len -= 8 * MAPPED_LEN;
}

static int take_client(struct flows_filter *filter, const char *text)
{
	const char *why;

	if (parse_prefix(text, &filter->client, &why))
		return app_usage_error("--client %s: %s (for example 192.0.2.7 or 2001:db8::/64)",
				       text, why);
	unmap(&filter->client);
	return EXIT_DONE;
}

/* An address, a prefix, or an address and a port. */
static int take_destination(struct flows_filter *filter, const char *text)
{
	struct prefix *to = &filter->destination;
	struct endpoint ep;
	const char *why;

	filter->destination_port = 0;
	if (parse_prefix(text, to, &why)) {
		if (strchr(text, '/') || parse_endpoint(text, &ep, &why) || !ep.family)
			return app_usage_error("--destination %s: %s (for example 192.0.2.7:22, "
					       "[2001:db8::1]:22 or 10.0.0.0/8)",
					       text, why);
		*to = (struct prefix){ .family = ep.family,
				       .len = ep.family == AF_INET ? 32 : 128 };
		memcpy(to->addr, ep.addr, sizeof(to->addr));
		filter->destination_port = ep.port;
	}
	unmap(to);
	return EXIT_DONE;
}

static int take_proto(struct flows_filter *filter, const char *text)
{
	filter->proto = !strcmp(text, "tcp") ? IPPROTO_TCP : !strcmp(text, "udp") ? IPPROTO_UDP : 0;
	return filter->proto ? EXIT_DONE :
			       app_usage_error("--proto %s: not a protocol (tcp or udp)", text);
}

static int take_key(struct flow_report *report, const char *text)
{
	int key = parse_name(text, flow_key_names, FLOWS_KEY_MAX);

	if (key <= FLOWS_TOTAL)
		return app_usage_error("--by %s: unknown (client, destination or rule)", text);
	report->key = (enum flow_key)key;
	return EXIT_DONE;
}

static int take_order(struct flow_report *report, const char *text)
{
	int order = parse_name(text, flow_order_names, FLOWS_ORDER_MAX);

	if (order < 0)
		return app_usage_error("--sort %s: unknown (age, bytes or rate)", text);
	report->order = (enum flow_order)order;
	return EXIT_DONE;
}

static int take_limit(struct flow_report *report, const char *text)
{
	const char *why;
	__u32 limit;

	if (parse_u32(text, 1, UINT32_MAX, &limit, &why))
		return app_usage_error("--limit %s: %s (a number of lines)", text, why);
	report->limit = limit;
	return EXIT_DONE;
}

/* ---- options and operands ----------------------------------------------- */

static int take_option(struct flows_command *command, int opt)
{
	struct flow_report *report = &command->report;

	switch (opt) {
	case OPT_BY:
		return take_key(report, optarg);
	case OPT_CLIENT:
		return take_client(&report->filter, optarg);
	case OPT_DESTINATION:
		return take_destination(&report->filter, optarg);
	case OPT_PROTO:
		return take_proto(&report->filter, optarg);
	case OPT_SORT:
		return take_order(report, optarg);
	case OPT_LIMIT:
		return take_limit(report, optarg);
	case OPT_RATE:
		report->sample_ms = SAMPLE_MS;
		return EXIT_DONE;
	case OPT_RELAY:
		report->relay = optarg;
		return EXIT_DONE;
	default:
		return EXIT_USAGE;
	}
}

static int take_id(struct flows_command *command, const char *text)
{
	char *end;
	unsigned long long id;

	errno = 0;
	id = strtoull(text, &end, 10);
	if (text[strspn(text, "0123456789")] || !*text || errno || !id)
		return app_usage_error("flows kill %s: not the id of a flow (see tproxy-loader "
				       "flows)",
				       text);
	if (array_room((void **)&command->ids, command->n_ids, &command->room,
		       sizeof(*command->ids))) {
		log_error("flows: out of memory");
		return EXIT_FAILED;
	}
	command->ids[command->n_ids++] = id;
	return EXIT_DONE;
}

static int take_operand(struct flows_command *command, const char *operand)
{
	if (command->kill)
		return take_id(command, operand);
	command->kill = !strcmp(operand, "kill");
	return command->kill ? EXIT_DONE :
			       app_usage_error("flows: unexpected argument %s", operand);
}

static int check_kill(const struct flows_command *command)
{
	const struct flow_report *report = &command->report;

	if (!command->kill)
		return EXIT_DONE;
	if (report->key != FLOWS_TOTAL || report->order || report->limit != SIZE_MAX ||
	    report->sample_ms)
		return app_usage_error("flows kill: --by, --sort, --limit and --rate are for the "
				       "list (see tproxy-loader flows --help)");
	if (!command->n_ids && flows_filter_is_empty(&report->filter))
		return app_usage_error("flows kill: which flows? (flows kill ID, or flows kill "
				       "--client 192.0.2.7)");
	return EXIT_DONE;
}

int flows_command_parse(struct flows_command *command, struct app *app, int argc, char **argv)
{
	const char *operand;
	int opt, code = EXIT_DONE;

	*command = (struct flows_command){ .report.limit = SIZE_MAX };
	while (!code && (opt = app_next(app, argc, argv, options, &operand)) != -1)
		code = opt ? take_option(command, opt) : take_operand(command, operand);
	command->report.json = app->json;
	return code ? code : check_kill(command);
}

void flows_command_free(struct flows_command *command)
{
	free(command->ids);
}
