/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every command of tproxy-loader shares: exit codes, global options, and the network
 * namespace and pin directory that they choose. Knows no command.
 */
#ifndef TPROXY_LOADER_APP_APP_H
#define TPROXY_LOADER_APP_APP_H

#include <getopt.h>

#include "lib/log.h"
#include "lib/pindir.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_ATTACHED = 3,
	/* diff: differences; import: notes; check: warnings; status: degraded; clean: not sure */
	EXIT_REMARKS = 4,
	EXIT_BROKEN = 5,  /* status: broken; test: would not arrive */
	EXIT_PASSES = 6,  /* test: left alone */
	EXIT_DROPPED = 7, /* test: dropped or refused */
};

struct app {
	const char *command; /* the command that runs; NULL before it is known */
	const char *netns;   /* name given with -n, or NULL */
	char pin_dir[PINDIR_PATH_LEN];
	const char *short_options; /* of this command, besides the global ones; NULL: none */
	bool json;
	enum log_level level;
	bool help, version;
	int lock_wait_ms; /* how long to wait for one holder of the lock; 0: 5 s, -1: for ever */
};

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
 * getopt_long without abbreviations and with our error messages. Handles global options itself.
 * Returns the option, -1 at the end, '?' after a reported error.
 */
int app_getopt(struct app *app, int argc, char **argv, const struct option *options);

/* As app_getopt, but operands may come between options: 0 and *ret_operand for each. */
int app_next(struct app *app, int argc, char **argv, const struct option *options,
	     const char **ret_operand);

/*
 * For commands without options of their own: EXIT_DONE, or EXIT_USAGE after a reported error.
 * refusal: the error for an operand; NULL: that it is unexpected. app_one_operand accepts none,
 * which leaves *ret_operand alone, or one.
 */
int app_no_operand(struct app *app, int argc, char **argv, const char *refusal);
int app_one_operand(struct app *app, int argc, char **argv, const char **ret_operand);

/* Enters the network namespace and chooses the pin directory. False after a reported error. */
bool app_enter(struct app *app);

/*
 * Cures name no namespace and no pin directory. Where the operator gave one of them, prints a line
 * on standard output that says what to add.
 */
void app_print_place(const struct app *app);

/* "tproxy-loader: COMMAND: unexpected argument …"; returns EXIT_USAGE. */
int app_usage_error(const char *fmt, ...) __printf(1, 2);

#endif
