/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "lib/generation.h"
#include "lib/hook.h"
#include "loader/probation.h"

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

/* ---- options -------------------------------------------------------------- */

/* The contract has no abbreviations, getopt_long has: only exact names pass. */
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

int app_getopt(struct app *app, int argc, char **argv, const struct option *options)
{
	for (;;) {
		int at = optind ? optind : 1;
		const char *arg = at < argc ? argv[at] : NULL;
		int opt;

		if (arg && !strncmp(arg, "--", 2) && arg[2] && !is_exact(arg, options)) {
			log_error("%s: unknown option (see tproxy-loader --help)", arg);
			return '?';
		}
		/* '+': stop at the first operand; the caller takes it and goes on. */
		opt = getopt_long(argc, argv, "+" APP_SHORT_OPTIONS, options, NULL);
		if (opt == ':') {
			log_error("%s: needs a value (see tproxy-loader --help)", arg);
			return '?';
		}
		if (opt == '?') {
			log_error("%s: unknown option or unexpected value (see tproxy-loader --help)",
				  arg);
			return '?';
		}
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

/* ---- namespace ------------------------------------------------------------ */

static bool settle_pin_dir(struct app *app)
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

/* Only the network namespace: /sys, and with it every pin, stays what it is. */
bool app_enter(struct app *app)
{
	__cleanup_close int fd = -1;
	char path[STATE_PATH_LEN];

	if (!app->netns)
		return settle_pin_dir(app);
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
		log_error("-n %s: cannot enter the network namespace: %s (run as root)",
			  app->netns, strerror(errno));
		return false;
	}
	return settle_pin_dir(app);
}

/* ---- session -------------------------------------------------------------- */

static bool have_capabilities(void)
{
	if (capng_get_caps_process())
		return false;
	return capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) &&
	       (capng_have_capability(CAPNG_EFFECTIVE, CAP_BPF) ||
		capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN));
}

static int report_dir(const char *dir, int err)
{
	if (err == -EMEDIUMTYPE)
		log_error("%s: not on a BPF file system (mount -t bpf bpf /sys/fs/bpf)", dir);
	else if (err == -EINVAL)
		log_error("%s: not a usable pin directory (give an absolute path whose last part "
			  "has no dot)",
			  dir);
	else
		log_error("%s: %s (give a directory below a mounted bpffs with --pin-dir)", dir,
			  strerror(-err));
	return EXIT_FAILED;
}

static int report_open(const struct session *session, int err, const char *what)
{
	const char *dir = session->app->pin_dir;

	switch (err) {
	case -ENOENT:
		log_error("%s: tproxy is not attached (tproxy-loader attach IF)", dir);
		return EXIT_NOT_ATTACHED;
	case -EPROTO:
		log_error("%s: its maps have ABI %u, this loader speaks %u (use the loader that "
			  "made them, or its detach --all)",
			  dir, session->state.config.abi, TPROXY_ABI);
		break;
	case -EMEDIUMTYPE:
		log_error("%s: %s is missing or no pin of tproxy (tproxy-loader clean removes a "
			  "broken state)",
			  dir, what);
		break;
	case -EACCES:
	case -EPERM:
		log_error("%s: permission denied (run as root)", dir);
		break;
	default:
		log_error("%s: cannot open %s: %s (tproxy-loader clean removes a broken state)",
			  dir, what, strerror(-err));
	}
	return EXIT_FAILED;
}

/* A command that changes the system is not to be torn by Ctrl-C or a closing terminal. */
void app_hold_signals(bool hold)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Locks; then a stage directory can only be an interrupted attempt. */
static int open_write(struct session *session)
{
	struct app *app = session->app;
	int err;

	if (!have_capabilities()) {
		log_error("permission denied: CAP_BPF and CAP_NET_ADMIN are needed (run as root)");
		return EXIT_FAILED;
	}
	err = statedir_check(app->pin_dir);
	if (err)
		return report_dir(app->pin_dir, err);
	app_hold_signals(true);
	err = state_lock(&session->state, app->pin_dir);
	if (err)
		return report_dir(app->pin_dir, err);
	if (statedir_remove_stage(app->pin_dir))
		log_debug("%s: removed what an interrupted attach had staged", app->pin_dir);
	return EXIT_DONE;
}

static bool is_other_netns(const struct session *session)
{
	return session->state.config.netns != state_netns();
}

static int open_state(struct session *session, char *what, size_t size)
{
	char path[STATE_PATH_LEN];
	struct state *state = &session->state;
	int err = state_open(state, session->app->pin_dir, what, size);

	if (err)
		return err;
	/* Another namespace, and it is gone with all its attachments: nothing is attached. */
	if (is_other_netns(session) && hook_lookup_is_dead(state_lookup_path(state, path))) {
		log_debug("%s: its network namespace is gone", state->dir);
		return -ESTALE;
	}
	return 0;
}

static int refuse_other_netns(const struct session *session)
{
	log_error("%s: belongs to another network namespace (use -n NAME, or another --pin-dir)",
		  session->app->pin_dir);
	return EXIT_FAILED;
}

/* An edit must meet the live maps, not what an interrupted replacement left pinned. */
static int repair_pins(struct session *session)
{
	int err = generation_repair_pins(&session->state);

	if (!err)
		probation_settle(session);
	if (!err)
		return EXIT_DONE;
	log_error("%s: cannot reach the live maps: %s (run as root)", session->state.dir,
		  strerror(-err));
	return EXIT_FAILED;
}

int session_open(struct session *session, struct app *app, enum session_mode mode)
{
	char what[64] = "";
	int err, code;

	session->app = app;
	if (mode == SESSION_WRITE) {
		code = open_write(session);
		if (code)
			return code;
	}
	err = open_state(session, what, sizeof(what));
	if (err)
		return report_open(session, err == -ESTALE ? -ENOENT : err, what);
	if (is_other_netns(session))
		return refuse_other_netns(session);
	err = nl_open(&session->nl);
	if (err) {
		log_error("netlink: %s", strerror(-err));
		return EXIT_FAILED;
	}
	if (mode == SESSION_WRITE)
		return repair_pins(session);
	err = generation_follow(&session->state);
	if (err)
		log_error("%s: cannot read the live maps: %s", session->state.dir, strerror(-err));
	return err ? EXIT_FAILED : EXIT_DONE;
}

int session_open_any(struct session *session, struct app *app, bool *ret_present)
{
	char what[64] = "";
	int err, code;

	session->app = app;
	code = open_write(session);
	if (code)
		return code;
	err = nl_open(&session->nl);
	if (err) {
		log_error("netlink: %s", strerror(-err));
		return EXIT_FAILED;
	}
	err = open_state(session, what, sizeof(what));
	if (err == -ESTALE) {
		int lock = take_fd(&session->state.lock);

		state_close(&session->state);
		session->state.lock = lock;
		err = statedir_remove(app->pin_dir) ? -EBUSY : -ENOENT;
	}
	*ret_present = !err;
	if (err && err != -ENOENT)
		return report_open(session, err, what);
	if (err)
		return EXIT_DONE;
	return is_other_netns(session) ? refuse_other_netns(session) : repair_pins(session);
}

void session_close(struct session *session)
{
	nl_close(&session->nl);
	state_close(&session->state);
}
