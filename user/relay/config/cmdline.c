/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line, by getopt_long. */
#include "relay/config/cmdline.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "relay/config/keys.h"

#define MAX_KEYS 64

enum {
	OPT_KEY = 256, /* every option that is also a key */
	OPT_CHECK,
	OPT_LIST,
	OPT_JSON,
	OPT_BACKGROUND,
};

static const struct option *long_options(void)
{
	static struct option table[MAX_KEYS + 9];
	const char *name;
	size_t n = 0;
	bool value;

	while (n < MAX_KEYS && (name = keys_option(n, &value)))
		table[n++] = (struct option){ name, value ? required_argument : no_argument, NULL,
					      OPT_KEY };
	table[n++] = (struct option){ "config", required_argument, NULL, 'c' };
	table[n++] = (struct option){ "check", no_argument, NULL, OPT_CHECK };
	table[n++] = (struct option){ "list", no_argument, NULL, OPT_LIST };
	table[n++] = (struct option){ "json", no_argument, NULL, OPT_JSON };
	table[n++] = (struct option){ "background", no_argument, NULL, OPT_BACKGROUND };
	table[n++] = (struct option){ "netns", required_argument, NULL, 'n' };
	table[n++] = (struct option){ "help", no_argument, NULL, 'h' };
	table[n++] = (struct option){ "version", no_argument, NULL, 'V' };
	return table;
}

/* getopt_long accepts any unique prefix. Scripts that use one break when an option is added. */
static bool abbreviated(char **argv, const char *name)
{
	const char *arg = argv[optind - 1];

	if (arg == optarg)
		arg = argv[optind - 2];
	return strlen(arg + 2) != strlen(name) && strcspn(arg + 2, "=") != strlen(name);
}

/* The name of a network namespace becomes part of a path. */
static int set_netns(struct options *o, const char *value, const char **ret_why)
{
	if (strchr(value, '/') || value[0] == '.') {
		*ret_why = "not a name";
		return -EINVAL;
	}
	if (!*value || strlen(value) >= sizeof(o->netns)) {
		*ret_why = *value ? "too long" : "empty";
		return -EINVAL;
	}
	strcpy(o->netns, value);
	return 0;
}

static enum cmdline_result take_option(struct command_line *cl, int opt, const char *name)
{
	const char *why = NULL;
	int err = 0;

	switch (opt) {
	case 'c':
		cl->config = optarg;
		break;
	case 'n':
		name = "netns";
		err = set_netns(cl->o, optarg, &why);
		break;
	case OPT_CHECK:
		cl->check = true;
		break;
	case OPT_LIST:
		cl->list = true;
		break;
	case OPT_JSON:
		cl->o->list_json = true;
		break;
	case OPT_BACKGROUND:
		cl->o->background = true;
		break;
	case 'h':
		return CMDLINE_HELP;
	case 'V':
		return CMDLINE_VERSION;
	default:
		err = keys_set(cl->o, name, optarg ? optarg : "yes", &why);
	}
	if (!err)
		return CMDLINE_RUN;
	snprintf(cl->why, sizeof(cl->why), "--%s %s: %s (see tproxy-relay --help)", name,
		 optarg ? keys_shown(name, optarg) : "", why);
	return CMDLINE_USAGE;
}

static enum cmdline_result bad_option(struct command_line *cl, int opt, char **argv)
{
	const char *what = opt == ':' ? "needs a value" : "unknown option";

	if (optopt && optopt < OPT_KEY)
		snprintf(cl->why, sizeof(cl->why), "-%c: %s (see tproxy-relay --help)", optopt,
			 what);
	else
		snprintf(cl->why, sizeof(cl->why), "%s: %s (see tproxy-relay --help)",
			 argv[optind - 1], what);
	return CMDLINE_USAGE;
}

/* The whole line was read. */
static enum cmdline_result choose_mode(struct command_line *cl)
{
	const char *why = NULL;

	if (cl->list && cl->check)
		why = "--list: not with --check (leave one of them out)";
	if (cl->o->list_json && !cl->list)
		why = "--json: only with --list (see tproxy-relay --help)";
	if (why) {
		snprintf(cl->why, sizeof(cl->why), "%s", why);
		return CMDLINE_USAGE;
	}
	return cl->list ? CMDLINE_LIST : CMDLINE_RUN;
}

enum cmdline_result cmdline_parse(struct command_line *cl, int argc, char **argv)
{
	const struct option *table = long_options();

	optind = 0; /* from the start: the line is read twice */
	opterr = 0;
	for (;;) {
		int index = -1;
		int opt = getopt_long(argc, argv, "+:c:n:hV", table, &index);
		enum cmdline_result r;

		if (opt < 0)
			break;
		if (opt == '?' || opt == ':')
			return bad_option(cl, opt, argv);
		if (index >= 0 && abbreviated(argv, table[index].name)) {
			snprintf(cl->why, sizeof(cl->why),
				 "%s: unknown option (did you mean --%s?)",
				 optarg == argv[optind - 1] ? argv[optind - 2] : argv[optind - 1],
				 table[index].name);
			return CMDLINE_USAGE;
		}
		r = take_option(cl, opt, index >= 0 ? table[index].name : "");
		if (r != CMDLINE_RUN)
			return r;
	}
	if (optind == argc)
		return choose_mode(cl);
	snprintf(cl->why, sizeof(cl->why), "%s: unexpected argument (see tproxy-relay --help)",
		 argv[optind]);
	return CMDLINE_USAGE;
}
