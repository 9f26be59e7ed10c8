/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"
#include "lib/util.h"
#include "tproxy.h"

_Static_assert(OPTIONS_MAX_WORKERS == TPROXY_GROUP_WAYS, "one worker for each way of the group");

const char *const source_names[SOURCE_MAX] = {
	[SOURCE_OWN] = "own",
	[SOURCE_CLIENT_IP] = "client-ip",
	[SOURCE_CLIENT_IP_PORT] = "client-ip-port",
};

const char options_help[] =
	"Usage: tproxy-relay [OPTION…]\n"
	"Relays TCP and UDP flows that were steered here to where their clients were going.\n"
	"\n"
	"  -c, --config FILE             read section [relay] of FILE\n"
	"  -n, --netns NAME              work in the network namespace NAME\n"
	"      --pin-dir DIR             pinned maps (default /sys/fs/bpf/tproxy[-NETNS])\n"
	"      --listen PORT[,PORT…]     ports on loopback; the first is registered\n"
	"                                (default 15002,15006)\n"
	"      --source MODE             own, client-ip or client-ip-port (default own)\n"
	"      --workers N               threads (default: one for each CPU, at most 16)\n"
	"      --log-format FORMAT       text or json (env LOG_FORMAT, default text)\n"
	"      --log-level LEVEL         debug, info, warn or error (env LOG_LEVEL, default info)\n"
	"      --log-file FILE           append the log to FILE (default: standard output)\n"
	"      --user NAME               run as NAME after start (default tproxy, else nobody)\n"
	"      --connect-timeout SECONDS       for the onward connection (default 10)\n"
	"      --idle-timeout SECONDS          without a byte either way (default 3600)\n"
	"      --half-closed-timeout SECONDS   the same, once one side has ended (default 60)\n"
	"      --drain-timeout SECONDS         for flows to end after SIGTERM (default 30)\n"
	"      --user-timeout SECONDS          for sent bytes to be acknowledged (TCP_USER_TIMEOUT;\n"
	"                                      default: the kernel's, some 15 minutes)\n"
	"      --allow-local             relay to this host, loopback and link-local too\n"
	"  -h, --help                    show this text\n"
	"  -V, --version                 show the version\n";

static int copy_text(char *to, size_t size, const char *text, const char **ret_why)
{
	if (!*text || strlen(text) >= size) {
		*ret_why = *text ? "too long" : "empty";
		return -EINVAL;
	}
	strcpy(to, text);
	return 0;
}

static int add_port(struct options *o, const char *item, const char **ret_why)
{
	uint32_t port;

	if (o->listen_count == OPTIONS_MAX_PORTS) {
		*ret_why = "too many ports";
		return -E2BIG;
	}
	if (parse_u32(item, 1, 65535, &port, ret_why)) {
		*ret_why = "ports are 1 to 65535, separated by commas";
		return -EINVAL;
	}
	for (unsigned int i = 0; i < o->listen_count; i++) {
		if (o->listen[i] == port) {
			*ret_why = "the same port twice";
			return -EINVAL;
		}
	}
	o->listen[o->listen_count++] = (uint16_t)port;
	return 0;
}

/* The command line takes commas, the file also blanks, as all its lists do. */
static int set_listen(struct options *o, const char *value, const char **ret_why)
{
	char copy[128];
	char *rest = copy;
	char *item;
	int err = copy_text(copy, sizeof(copy), value, ret_why);

	if (err)
		return err;
	o->listen_count = 0;
	while ((item = strsep(&rest, ", \t"))) {
		if (!*item)
			continue;
		err = add_port(o, item, ret_why);
		if (err)
			return err;
	}
	*ret_why = "no port given";
	return o->listen_count ? 0 : -EINVAL;
}

static int set_source(struct options *o, const char *value, const char **ret_why)
{
	int n = parse_name(value, source_names, SOURCE_MAX);

	*ret_why = "expected own, client-ip or client-ip-port";
	if (n >= 0)
		o->source = (enum source_mode)n;
	return n < 0 ? n : 0;
}

static int set_workers(struct options *o, const char *value, const char **ret_why)
{
	*ret_why = "expected 1 to 16";
	return parse_u32(value, 1, OPTIONS_MAX_WORKERS, &o->workers, &(const char *){ NULL });
}

static int set_log_format(struct options *o, const char *value, const char **ret_why)
{
	if (!strcmp(value, "text") || !strcmp(value, "console"))
		o->log_format = RECORD_TEXT;
	else if (!strcmp(value, "json"))
		o->log_format = RECORD_JSON;
	else
		*ret_why = "expected text or json";
	return *ret_why ? -EINVAL : 0;
}

static int set_log_level(struct options *o, const char *value, const char **ret_why)
{
	int n = parse_name(value, record_level_names, RECORD_LEVEL_MAX);

	*ret_why = "expected debug, info, warn or error";
	if (n >= 0)
		o->log_level = (enum record_level)n;
	return n < 0 ? n : 0;
}

static int set_log_file(struct options *o, const char *value, const char **ret_why)
{
	return copy_text(o->log_file, sizeof(o->log_file), value, ret_why);
}

static int set_user(struct options *o, const char *value, const char **ret_why)
{
	return copy_text(o->user, sizeof(o->user), value, ret_why);
}

static int set_pin_dir(struct options *o, const char *value, const char **ret_why)
{
	return copy_text(o->pin_dir, sizeof(o->pin_dir), value, ret_why);
}

static int set_seconds(uint32_t *seconds, const char *value, const char **ret_why)
{
	*ret_why = "expected seconds, 1 to 604800";
	return parse_u32(value, 1, 7 * 24 * 3600, seconds, &(const char *){ NULL });
}

static int set_connect_timeout(struct options *o, const char *value, const char **ret_why)
{
	return set_seconds(&o->connect_timeout, value, ret_why);
}

static int set_idle_timeout(struct options *o, const char *value, const char **ret_why)
{
	return set_seconds(&o->idle_timeout, value, ret_why);
}

static int set_half_closed_timeout(struct options *o, const char *value, const char **ret_why)
{
	return set_seconds(&o->half_closed_timeout, value, ret_why);
}

static int set_drain_timeout(struct options *o, const char *value, const char **ret_why)
{
	return set_seconds(&o->drain_timeout, value, ret_why);
}

static int set_user_timeout(struct options *o, const char *value, const char **ret_why)
{
	return set_seconds(&o->user_timeout, value, ret_why);
}

static int set_allow_local(struct options *o, const char *value, const char **ret_why)
{
	if (!strcmp(value, "yes"))
		o->allow_local = true;
	else if (!strcmp(value, "no"))
		o->allow_local = false;
	else
		*ret_why = "expected yes or no";
	return *ret_why ? -EINVAL : 0;
}

static const struct {
	const char *name; /* of the long option and of the key in the file */
	int (*set)(struct options *o, const char *value, const char **ret_why);
} keys[] = {
	{ "listen", set_listen },
	{ "source", set_source },
	{ "workers", set_workers },
	{ "log-format", set_log_format },
	{ "log-level", set_log_level },
	{ "log-file", set_log_file },
	{ "user", set_user },
	{ "pin-dir", set_pin_dir },
	{ "connect-timeout", set_connect_timeout },
	{ "idle-timeout", set_idle_timeout },
	{ "half-closed-timeout", set_half_closed_timeout },
	{ "drain-timeout", set_drain_timeout },
	{ "user-timeout", set_user_timeout },
	{ "allow-local", set_allow_local },
};

int options_set(struct options *o, const char *key, const char *value, const char **ret_why)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!strcmp(keys[i].name, key)) {
			*ret_why = NULL;
			return keys[i].set(o, value, ret_why);
		}
	}
	*ret_why = "unknown key";
	return -ENOENT;
}

enum { OPT_KEY = 256 }; /* getopt's value for every option that is also a key */

static const struct option *long_options(void)
{
	static struct option table[ARRAY_SIZE(keys) + 5];
	size_t n = 0;

	for (; n < ARRAY_SIZE(keys); n++) {
		table[n].name = keys[n].name;
		table[n].has_arg = strcmp(keys[n].name, "allow-local") ? required_argument :
									 no_argument;
		table[n].val = OPT_KEY;
	}
	table[n++] = (struct option){ "config", required_argument, NULL, 'c' };
	table[n++] = (struct option){ "netns", required_argument, NULL, 'n' };
	table[n++] = (struct option){ "help", no_argument, NULL, 'h' };
	table[n++] = (struct option){ "version", no_argument, NULL, 'V' };
	return table;
}

/* getopt_long takes any unique prefix; scripts that use one break with the next option. */
static bool abbreviated(char **argv, const char *name)
{
	const char *arg = argv[optind - 1];

	if (arg == optarg)
		arg = argv[optind - 2];
	return strlen(arg + 2) != strlen(name) && strcspn(arg + 2, "=") != strlen(name);
}

struct command_line {
	struct options *o;
	const char *config; /* -c */
	char *why;
	size_t size;
};

/* The network namespace's name becomes a path component. */
static int set_netns(struct options *o, const char *value, const char **ret_why)
{
	if (strchr(value, '/') || value[0] == '.') {
		*ret_why = "not a name";
		return -EINVAL;
	}
	return copy_text(o->netns, sizeof(o->netns), value, ret_why);
}

static enum options_result take_option(struct command_line *cl, int opt, const char *name)
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
	case 'h':
		return OPTIONS_HELP;
	case 'V':
		return OPTIONS_VERSION;
	default:
		err = options_set(cl->o, name, optarg ? optarg : "yes", &why);
	}
	if (!err)
		return OPTIONS_RUN;
	snprintf(cl->why, cl->size, "--%s %s: %s (see tproxy-relay --help)", name,
		 optarg ? optarg : "", why);
	return OPTIONS_USAGE;
}

static enum options_result bad_option(struct command_line *cl, int opt, char **argv)
{
	const char *what = opt == ':' ? "needs a value" : "unknown option";

	if (optopt && optopt < OPT_KEY)
		snprintf(cl->why, cl->size, "-%c: %s (see tproxy-relay --help)", optopt, what);
	else
		snprintf(cl->why, cl->size, "%s: %s (see tproxy-relay --help)", argv[optind - 1],
			 what);
	return OPTIONS_USAGE;
}

static enum options_result parse_command_line(struct command_line *cl, int argc, char **argv)
{
	const struct option *table = long_options();

	optind = 0; /* start anew: the line is read twice */
	opterr = 0;
	for (;;) {
		int index = -1;
		int opt = getopt_long(argc, argv, "+:c:n:hV", table, &index);
		enum options_result r;

		if (opt < 0)
			break;
		if (opt == '?' || opt == ':')
			return bad_option(cl, opt, argv);
		if (index >= 0 && abbreviated(argv, table[index].name)) {
			snprintf(cl->why, cl->size, "%s: unknown option (did you mean --%s?)",
				 optarg == argv[optind - 1] ? argv[optind - 2] : argv[optind - 1],
				 table[index].name);
			return OPTIONS_USAGE;
		}
		r = take_option(cl, opt, index >= 0 ? table[index].name : "");
		if (r != OPTIONS_RUN)
			return r;
	}
	if (optind == argc)
		return OPTIONS_RUN;
	snprintf(cl->why, cl->size, "%s: unexpected argument (see tproxy-relay --help)",
		 argv[optind]);
	return OPTIONS_USAGE;
}

static void set_defaults(struct options *o)
{
	*o = (struct options){
		.listen = { TPROXY_RELAY_PORT, TPROXY_RELAY_PORT_IN },
		.listen_count = 2,
		.log_level = RECORD_INFO,
		.connect_timeout = 10,
		.idle_timeout = 3600,
		.half_closed_timeout = 60,
		.drain_timeout = 30,
	};
}

static int set_from_environment(struct options *o, char *ret_why, size_t size)
{
	static const struct {
		const char *variable;
		const char *key;
	} table[] = {
		{ "LOG_LEVEL", "log-level" },
		{ "LOG_FORMAT", "log-format" },
		{ "TPROXY_PIN_DIR", "pin-dir" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *value = getenv(table[i].variable);
		const char *why;
		int err;

		if (!value || !*value)
			continue;
		err = options_set(o, table[i].key, value, &why);
		if (err) {
			snprintf(ret_why, size, "environment %s=%s: %s (correct or unset it)",
				 table[i].variable, value, why);
			return err;
		}
	}
	return 0;
}

static void set_pin_dir_default(struct options *o)
{
	if (o->pin_dir[0])
		return;
	snprintf(o->pin_dir, sizeof(o->pin_dir), "/sys/fs/bpf/tproxy%s%s", o->netns[0] ? "-" : "",
		 o->netns);
}

enum options_result options_parse(struct options *o, int argc, char **argv, char *ret_why,
				  size_t size)
{
	struct command_line cl = { .o = o, .why = ret_why, .size = size };
	enum options_result r;

	/* First pass for errors and -c, the second puts the flags above file and environment. */
	set_defaults(o);
	r = parse_command_line(&cl, argc, argv);
	if (r != OPTIONS_RUN)
		return r;
	set_defaults(o);
	if (set_from_environment(o, ret_why, size))
		return OPTIONS_FAILED;
	if (cl.config && options_read_file(o, cl.config, ret_why, size))
		return OPTIONS_FAILED;
	r = parse_command_line(&cl, argc, argv);
	set_pin_dir_default(o);
	return r;
}
