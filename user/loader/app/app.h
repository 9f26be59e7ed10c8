/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every command of tproxy-loader shares: global options, exit codes, the
 * session (network namespace, state, netlink) and its opening with clear errors.
 */
#ifndef TPROXY_LOADER_APP_APP_H
#define TPROXY_LOADER_APP_APP_H

#include <getopt.h>

#include "lib/log.h"
#include "lib/netlink.h"
#include "kernel/state/state.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_ATTACHED = 3,
	/* diff: differences; import: notes; check: warnings; status: degraded; clean: doubts */
	EXIT_REMARKS = 4,
	EXIT_BROKEN = 5,  /* status: broken; test: would not arrive */
	EXIT_PASSES = 6,  /* test: left alone */
	EXIT_DROPPED = 7, /* test: dropped or refused */
};

struct app {
	const char *netns; /* name given with -n, or NULL */
	char pin_dir[STATE_PATH_LEN];
	bool json;
	enum log_level level;
	bool help, version;
	int lock_wait_ms; /* how long one holder of the lock is waited for; 0: 5 s, -1: for ever */
};

struct command {
	const char *name;
	const char *usage; /* arguments and options, for the synopsis */
	const char *summary;
	const char *help; /* option list, or NULL */
	/* argv[0] is the command's name. Returns an enum exit_code. */
	int (*run)(struct app *app, int argc, char **argv);
};

int cmd_attach(struct app *app, int argc, char **argv);
int cmd_detach(struct app *app, int argc, char **argv);
int cmd_status(struct app *app, int argc, char **argv);
int cmd_rule(struct app *app, int argc, char **argv);
int cmd_cidr(struct app *app, int argc, char **argv);
int cmd_port(struct app *app, int argc, char **argv);
int cmd_check(struct app *app, int argc, char **argv);
int cmd_diff(struct app *app, int argc, char **argv);
int cmd_apply(struct app *app, int argc, char **argv);
int cmd_confirm(struct app *app, int argc, char **argv);
int cmd_rollback(struct app *app, int argc, char **argv);
int cmd_save(struct app *app, int argc, char **argv);
int cmd_test(struct app *app, int argc, char **argv);
int cmd_import(struct app *app, int argc, char **argv);
int cmd_watch(struct app *app, int argc, char **argv);
int cmd_clean(struct app *app, int argc, char **argv);
int cmd_features(struct app *app, int argc, char **argv);
int cmd_version(struct app *app, int argc, char **argv);

/* Global options, valid before and after the command. Values above all command options. */
#define APP_SHORT_OPTIONS ":jvqn:hV"
enum { APP_OPT_PIN_DIR = 1000 };
#define APP_LONG_OPTIONS                                                                           \
	{ "json", no_argument, NULL, 'j' }, { "netns", required_argument, NULL, 'n' },             \
		{ "pin-dir", required_argument, NULL, APP_OPT_PIN_DIR },                           \
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },         \
	{                                                                                          \
		NULL, 0, NULL, 0                                                                   \
	}

/*
 * getopt_long without abbreviations and with our error messages. Handles global
 * options itself. Returns the option, -1 at the end, '?' after a reported error.
 */
int app_getopt(struct app *app, int argc, char **argv, const struct option *options);

/* As app_getopt, but operands may stand between options: 0 and *ret_operand for each. */
int app_next(struct app *app, int argc, char **argv, const struct option *options,
	     const char **ret_operand);

/*
 * For commands without options of their own: EXIT_DONE, or EXIT_USAGE after a reported error.
 * refusal is what an operand is told, NULL: that it is unexpected. *ret_operand stays as it is
 * if there is none, and a second one is unexpected.
 */
int app_no_operand(struct app *app, int argc, char **argv, const char *refusal);
int app_one_operand(struct app *app, int argc, char **argv, const char **ret_operand);

/* Enters the namespace and settles the pin directory. False after a reported error. */
bool app_enter(struct app *app);

struct session {
	struct app *app;
	struct state state;
	struct nl nl;
	bool dry_run;
	bool hold_rules; /* our routing rules are not moved: somebody moves his before them */
};

/* Opens netlink and the state. EXIT_DONE, or reports and returns the exit code. */
enum session_mode { SESSION_READ, SESSION_WRITE };
int session_open(struct session *session, struct app *app, enum session_mode mode);
/* As SESSION_WRITE, but an absent state is fine: *ret_present tells. */
int session_open_any(struct session *session, struct app *app, bool *ret_present);
/* Only takes the lock; the state is still closed. EXIT_DONE, or reports and returns the code. */
int session_lock(struct session *session, struct app *app);
void session_close(struct session *session);
#define __cleanup_session __attribute__((cleanup(session_close)))
#define SESSION_CLOSED                                                                             \
	(struct session)                                                                           \
	{                                                                                          \
		.state = STATE_CLOSED                                                              \
	}

/*
 * Holds SIGINT, SIGTERM and SIGHUP back while the system is changed, and what would stop us with
 * the lock in hand (Ctrl-Z, a terminal of the foreground); opening for writing does. Closing a
 * session lets the latter through again.
 */
void app_hold_signals(bool hold);

/* "tproxy-loader: COMMAND: unexpected argument …"; returns EXIT_USAGE. */
int app_usage_error(const char *fmt, ...) __printf(1, 2);

#endif
