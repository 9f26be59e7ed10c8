/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of attach as a request. Must not know what the options lead to. */
#include <ctype.h>
#include <string.h>

#include "loader/attach/attach.h"
#include "loader/steps/learn.h"
#include "policy/config/config.h"

enum {
	OPT_ATTACH_LOCAL = 3000,
	OPT_ATTACH_CGROUP,
	OPT_OWN_MARK,
	OPT_OWN_TABLE,
	OPT_OWN_BOUND,
	OPT_DIVERT_ONLY,
	OPT_HOOK,
	OPT_AFTER,
	OPT_MARK,
	OPT_TABLE,
	OPT_UNREADABLE,
	OPT_PROBE,
	OPT_DRY_RUN,
};

static const struct option options[] = {
	RULE_LONG_OPTIONS,
	{ "local", no_argument, NULL, OPT_ATTACH_LOCAL },
	{ "cgroup", required_argument, NULL, OPT_ATTACH_CGROUP },
	{ "own-mark", required_argument, NULL, OPT_OWN_MARK },
	{ "own-table", required_argument, NULL, OPT_OWN_TABLE },
	{ "own-bound", required_argument, NULL, OPT_OWN_BOUND },
	{ "divert-only", no_argument, NULL, OPT_DIVERT_ONLY },
	{ "hook", required_argument, NULL, OPT_HOOK },
	{ "after", required_argument, NULL, OPT_AFTER },
	{ "mark", required_argument, NULL, OPT_MARK },
	{ "table", required_argument, NULL, OPT_TABLE },
	{ "unreadable", required_argument, NULL, OPT_UNREADABLE },
	{ "probe", no_argument, NULL, OPT_PROBE },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	LEARN_LONG_OPTION,
	APP_LONG_OPTIONS,
};

static int take_number(const char *option, const char *value, __u32 *ret_number,
		       int (*parse)(const char *text, __u32 *ret_number, const char **ret_why))
{
	const char *why;
	int err = parse(value, ret_number, &why);

	if (err)
		log_error("--%s %s: %s", option, value, why);
	return err;
}

static int take_hook(const char *value, enum hook *ret_hook)
{
	int hook;

	if (!strcmp(value, "auto")) {
		*ret_hook = HOOK_NONE;
		return 0;
	}
	hook = parse_name(value, hook_names, HOOK_MAX);
	if (hook <= HOOK_NONE) {
		log_error("--hook %s: unknown value (auto, tcx or clsact)", value);
		return -EINVAL;
	}
	*ret_hook = (enum hook)hook;
	return 0;
}

static bool is_printable(const char *text)
{
	while (isgraph((unsigned char)*text))
		text++;
	return !*text;
}

static int take_after_one(const char *value, struct after *after)
{
	char name[TPROXY_PROG_LEN];
	__u32 id;

	if (!*value || strlen(value) >= sizeof(name) || !is_printable(value)) {
		log_error("--after %s: not the name or id of a program (tproxy-loader status shows "
			  "the programs that run before ours)",
			  value);
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "%s", value);
	if (!parse_u32(value, 1, UINT32_MAX, &id, NULL))
		snprintf(name, sizeof(name), "id:%u", id);
	if (!after_append(after, name))
		return 0;
	log_error("--after: more than %d programs", AFTER_MAX);
	return -E2BIG;
}

static int take_after(const char *value, struct after *after)
{
	__cleanup_free char *list = strdup(value);
	char *rest = list, *one;

	if (!list)
		return -ENOMEM;
	while ((one = strsep(&rest, ",")))
		if (take_after_one(one, after))
			return -EINVAL;
	return 0;
}

static int take_unreadable(const char *value, struct attach_request *request)
{
	int index = parse_name(value, policy_unreadable_names, TPROXY_UNREADABLE_MAX);

	if (index < 0) {
		log_error("--unreadable %s: unknown value (drop or pass)", value);
		return -EINVAL;
	}
	request->unreadable = (enum tproxy_unreadable)index;
	request->has_unreadable = true;
	return 0;
}

static int take_bound(const char *value, struct own_want *want)
{
	int index = parse_name(value, config_own_bound_names, CONFIG_OWN_BOUND_MAX);

	if (index < 0) {
		log_error("--own-bound %s: unknown value (direct or deny)", value);
		return -EINVAL;
	}
	want->has_bound = true;
	want->deny_bound = index == CONFIG_OWN_DENY;
	return 0;
}

static bool is_for_own(const struct own_want *want)
{
	return want->mark || want->table || want->has_bound;
}

static int take_option(struct attach_request *request, int opt, const char *value)
{
	switch (opt) {
	case OPT_ATTACH_LOCAL:
		request->local = true;
		return 0;
	case OPT_ATTACH_CGROUP:
		request->own.cgroup = value;
		return 0;
	case OPT_OWN_MARK:
		return take_number("own-mark", value, &request->own.mark, parse_mark);
	case OPT_OWN_TABLE:
		return take_number("own-table", value, &request->own.table, parse_table);
	case OPT_OWN_BOUND:
		return take_bound(value, &request->own);
	case OPT_DIVERT_ONLY:
		request->divert_only = true;
		return 0;
	case OPT_PROBE:
		request->probe = true;
		return 0;
	case OPT_DRY_RUN:
		request->dry_run = true;
		return 0;
	case OPT_HOOK:
		return take_hook(value, &request->hook);
	case OPT_AFTER:
		return take_after(value, &request->after);
	case OPT_MARK:
		return take_number("mark", value, &request->setup.mark, parse_mark);
	case OPT_TABLE:
		return take_number("table", value, &request->setup.table, parse_table);
	case OPT_UNREADABLE:
		return take_unreadable(value, request);
	case OPT_LEARN:
		return learn_take_seconds(value, &request->learn);
	default:
		return rule_options_take(&request->rule, opt, value);
	}
}

static int take_name(struct attach_request *request, const char *name)
{
	if (request->n == ATTACH_MAX_IFACES) {
		log_error("attach: more than %d interfaces at once (use several calls)",
			  ATTACH_MAX_IFACES);
		return -E2BIG;
	}
	request->names[request->n++] = name;
	return 0;
}

int attach_parse(struct app *app, int argc, char **argv, struct attach_request *request)
{
	const char *operand;
	int opt;

	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (opt ? take_option(request, opt, optarg) : take_name(request, operand))
			return EXIT_USAGE;
	}
	if (request->local && request->rule.any) {
		request->rule.rule.local = request->n ? TPROXY_LOCAL_YES : TPROXY_LOCAL_ONLY;
		request->rule.has_local = true;
	}
	if (rule_options_finish(&request->rule))
		return EXIT_USAGE;
	if (!request->local && request->own.cgroup)
		return app_usage_error("attach: --cgroup goes with --local");
	if (!request->local && is_for_own(&request->own))
		return app_usage_error("attach: --own-mark, --own-table and --own-bound go with "
				       "--local");
	request->own.hook = request->hook;
	if (!request->n && !request->local)
		return app_usage_error("attach: which interface? (tproxy-loader attach IF, or "
				       "attach --local for what this host sends itself)");
	if (request->divert_only && request->rule.any)
		return app_usage_error("attach: --divert-only takes no rule options (attach the "
				       "other interfaces with them)");
	return EXIT_DONE;
}
