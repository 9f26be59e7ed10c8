/* SPDX-License-Identifier: BSD-2-Clause */
/* cidr add|del and port add|del: edit the keys `to` and `ports` of a rule. */
#include <string.h>

#include "loader/commands.h"
#include "loader/edit/caveat.h"
#include "loader/edit/edit.h"
#include "loader/steps/learn.h"

static const struct option options[] = {
	{ "rule", required_argument, NULL, OPT_RULE },
	{ "show-bpftool", no_argument, NULL, OPT_SHOW_BPFTOOL },
	LEARN_LONG_OPTION,
	APP_LONG_OPTIONS,
};

struct request {
	const char *noun; /* "cidr" or "port" */
	const char *rule;
	bool add, show_bpftool;
	struct prefix_set prefixes;
	struct service_set services;
};

/* A prefix within another one of the rule is not kept: report it. */
static void report_if_covered(const struct rule *rule, const struct prefix *p)
{
	char text[PREFIX_TEXT_LEN], cover[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < rule->to.n; i++) {
		if (!prefix_covers(&rule->to.items[i], p))
			continue;
		log_info("rule %s: %s lies within %s, which is there already", rule->name,
			 prefix_format(p, text), prefix_format(&rule->to.items[i], cover));
		return;
	}
}

static int change_prefixes(const struct request *request, struct rule *rule)
{
	char text[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < request->prefixes.n; i++) {
		const struct prefix *p = &request->prefixes.items[i];
		int err;

		if (request->add)
			report_if_covered(rule, p);
		err = request->add ? prefix_set_add(&rule->to, p) : prefix_set_del(&rule->to, p);
		if (err == -ENOENT)
			log_error("rule %s: %s is not one of its destinations (tproxy-loader rule "
				  "list)",
				  rule->name, prefix_format(p, text));
		if (err)
			return err;
	}
	return 0;
}

static int change_services(const struct request *request, struct rule *rule)
{
	char text[SERVICE_TEXT_LEN];

	for (size_t i = 0; i < request->services.n; i++) {
		const struct service *s = &request->services.items[i];
		int err = request->add ? service_set_add(&rule->services, s->proto, s->range) :
					 service_set_del(&rule->services, s->proto, s->range);

		if (err == -ENOENT)
			log_error("rule %s: %s is not one of its ports (tproxy-loader rule list)",
				  rule->name, service_format(s, text));
		if (err)
			return err;
	}
	return 0;
}

static int change(struct policy *policy, void *arg)
{
	const struct request *request = arg;
	int index = policy_find(policy, request->rule);
	int err;

	if (index < 0) {
		log_error("rule %s: no such rule (tproxy-loader rule list)", request->rule);
		return index;
	}
	err = change_prefixes(request, &policy->rules[index]);
	if (!err && request->add)
		caveat_destinations(&policy->rules[index], &request->prefixes);
	if (!err)
		err = change_services(request, &policy->rules[index]);
	if (err && err != -ENOENT)
		log_error("rule %s: %s", request->rule, strerror(-err));
	return err;
}

static int take_member(struct request *request, const char *text)
{
	struct service service;
	const char *why;
	int err;

	if (!strcmp(request->noun, "cidr")) {
		err = policy_parse_prefixes(text, &request->prefixes, &why);
	} else {
		err = policy_parse_service(text, &service, &why);
		if (!err)
			err = service_set_add(&request->services, service.proto, service.range);
	}
	if (err)
		log_error("%s %s: %s (for example %s)", request->noun, text, why,
			  !strcmp(request->noun, "cidr") ? "10.0.0.0/8" : "tcp/22");
	return err;
}

static int take_operand(struct request *request, const char **verb, const char *operand)
{
	if (*verb)
		return take_member(request, operand) ? EXIT_USAGE : EXIT_DONE;
	*verb = operand;
	request->add = !strcmp(operand, "add");
	if (request->add || !strcmp(operand, "del"))
		return EXIT_DONE;
	return app_usage_error("%s %s: unknown verb (add or del)", request->noun, operand);
}

static int run(struct app *app, int argc, char **argv, struct request *request)
{
	struct edit edit = {
		.app = app, .learn = CONFIG_LEARN_DEFAULT_S, .change = change, .arg = request
	};
	const char *operand, *verb = NULL;
	int opt;

	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?' || (!opt && take_operand(request, &verb, operand)))
			return EXIT_USAGE;
		if (opt == OPT_RULE)
			request->rule = optarg;
		if (opt == OPT_LEARN && learn_take_seconds(optarg, &edit.learn))
			return EXIT_USAGE;
		if (opt == OPT_SHOW_BPFTOOL)
			edit.show_bpftool = true;
	}
	if (!verb || !(request->prefixes.n + request->services.n))
		return app_usage_error("%s: nothing to add or delete (%s add|del %s)",
				       request->noun, request->noun,
				       !strcmp(request->noun, "cidr") ? "PREFIX..." :
									"PROTO/PORT...");
	return edit_run(&edit);
}

static int edit_set(struct app *app, int argc, char **argv, const char *noun)
{
	struct request request = { .noun = noun, .rule = policy_default_rule };
	int code = run(app, argc, argv, &request);

	free(request.prefixes.items);
	free(request.services.items);
	return code;
}

int cmd_cidr(struct app *app, int argc, char **argv)
{
	return edit_set(app, argc, argv, "cidr");
}

int cmd_port(struct app *app, int argc, char **argv)
{
	return edit_set(app, argc, argv, "port");
}
