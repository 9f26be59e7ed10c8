/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app/app.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>

#define NETNS_DIR "/var/run/netns"
#define DEFAULT_PIN_DIR "/sys/fs/bpf/tproxy"

int app_usage_error(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_error("%s", text);
	return EXIT_USAGE;
}

/* ---- options ------------------------------------------------------------ */

/* getopt_long would accept abbreviations, which the interface does not have. */
static bool is_exact(const char *arg, const struct option *options)
{
	size_t len = strcspn(arg + 2, "=");

	for (; options->name; options++)
		if (strlen(options->name) == len && !strncmp(options->name, arg + 2, len))
			return true;
	return false;
}

static bool global_option(struct app *app, int opt)
{
	switch (opt) {
	case 'j':
		app->json = true;
		return true;
	case 'v':
		app->level = app->level < LOG_DEBUG ? LOG_DEBUG : LOG_TRACE;
		log_init("tproxy-loader", app->level);
		return true;
	case 'q':
		app->level = LOG_QUIET;
		log_init("tproxy-loader", app->level);
		return true;
	case 'n':
		app->netns = optarg;
		return true;
	case 'h':
		app->help = true;
		return true;
	case 'V':
		app->version = true;
		return true;
	case APP_OPT_PIN_DIR:
		if (strlen(optarg) >= sizeof(app->pin_dir) - 32) {
			log_error("--pin-dir: path too long (use at most %zu characters)",
				  sizeof(app->pin_dir) - 33);
			return false;
		}
		snprintf(app->pin_dir, sizeof(app->pin_dir), "%s", optarg);
		return true;
	default:
		return false;
	}
}

static bool is_global(int opt)
{
	return opt == APP_OPT_PIN_DIR || (opt && opt != ':' && strchr(APP_SHORT_OPTIONS, opt));
}

/* Returns '?'. */
static int refuse_option(const struct app *app, const char *arg, const char *why)
{
	log_error("%s: %s (see tproxy-loader%s%s --help)", arg, why, app->command ? " " : "",
		  app->command ? app->command : "");
	return '?';
}

int app_getopt(struct app *app, int argc, char **argv, const struct option *options)
{
	char shorts[32];

	/* '+': stops at the first operand, which the caller takes. */
	snprintf(shorts, sizeof(shorts), "+" APP_SHORT_OPTIONS "%s",
		 app->short_options ? app->short_options : "");
	for (;;) {
		int at = optind ? optind : 1;
		const char *arg = at < argc ? argv[at] : NULL;
		int opt;

		if (arg && !strncmp(arg, "--", 2) && arg[2] && !is_exact(arg, options))
			return refuse_option(app, arg, "unknown option");
		opt = getopt_long(argc, argv, shorts, options, NULL);
		if (opt == ':')
			return refuse_option(app, arg, "needs a value");
		if (opt == '?')
			return refuse_option(app, arg, "unknown option or unexpected value");
		if (opt < 0 || !is_global(opt))
			return opt;
		if (!global_option(app, opt))
			return '?';
	}
}

int app_next(struct app *app, int argc, char **argv, const struct option *options,
	     const char **ret_operand)
{
	int opt = app_getopt(app, argc, argv, options);

	if (opt != -1 || optind >= argc)
		return opt;
	*ret_operand = argv[optind++];
	return 0;
}

static const struct option global_options[] = { APP_LONG_OPTIONS };

int app_no_operand(struct app *app, int argc, char **argv, const char *refusal)
{
	const char *operand = "";
	int opt = app_next(app, argc, argv, global_options, &operand);

	if (opt)
		return opt == -1 ? EXIT_DONE : EXIT_USAGE;
	if (refusal)
		return app_usage_error("%s: %s", argv[0], refusal);
	return app_usage_error("%s: unexpected argument %s", argv[0], operand);
}

int app_one_operand(struct app *app, int argc, char **argv, const char **ret_operand)
{
	int opt = app_next(app, argc, argv, global_options, ret_operand);

	if (opt)
		return opt == -1 ? EXIT_DONE : EXIT_USAGE;
	return app_no_operand(app, argc, argv, NULL);
}

/* ---- namespace ---------------------------------------------------------- */

static bool choose_pin_dir(struct app *app)
{
	const char *env = getenv("TPROXY_PIN_DIR");

	if (app->pin_dir[0])
		return true;
	if (env && *env && strlen(env) < sizeof(app->pin_dir) - 32)
		snprintf(app->pin_dir, sizeof(app->pin_dir), "%s", env);
	else if (app->netns)
		snprintf(app->pin_dir, sizeof(app->pin_dir), DEFAULT_PIN_DIR "-%s", app->netns);
	else
		snprintf(app->pin_dir, sizeof(app->pin_dir), "%s", DEFAULT_PIN_DIR);
	return true;
}

void app_print_place(const struct app *app)
{
	char usual[PINDIR_PATH_LEN];

	if (app->netns)
		snprintf(usual, sizeof(usual), DEFAULT_PIN_DIR "-%s", app->netns);
	else
		snprintf(usual, sizeof(usual), DEFAULT_PIN_DIR);
	if (!app->netns && !strcmp(app->pin_dir, usual))
		return;
	printf("the commands above need, for tproxy-loader and tproxy-relay:");
	if (app->netns)
		printf(" -n %s", app->netns);
	if (strcmp(app->pin_dir, usual))
		printf(" --pin-dir %s", app->pin_dir);
	if (app->netns)
		printf("; before others: ip netns exec %s", app->netns);
	printf("\n");
}

/* Enters only the network namespace: /sys, and so every pin, stays the same. */
bool app_enter(struct app *app)
{
	__cleanup_close int fd = -1;
	char path[PINDIR_PATH_LEN];

	if (!app->netns)
		return choose_pin_dir(app);
	if (!*app->netns || strchr(app->netns, '/') || strlen(app->netns) > 128) {
		log_error("-n %s: not a name of a network namespace (see ip netns list)",
			  app->netns);
		return false;
	}
	snprintf(path, sizeof(path), NETNS_DIR "/%s", app->netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		log_error("-n %s: %s (see ip netns list)", app->netns,
			  errno == ENOENT ? "no such network namespace" : strerror(errno));
		return false;
	}
	if (setns(fd, CLONE_NEWNET)) {
		log_error("-n %s: cannot enter the network namespace: %s (run as root)", app->netns,
			  strerror(errno));
		return false;
	}
	return choose_pin_dir(app);
}
