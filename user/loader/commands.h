/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands: one function each, in cmd_NAME.c. The table of them is in main.c. */
#ifndef TPROXY_LOADER_COMMANDS_H
#define TPROXY_LOADER_COMMANDS_H

#include "loader/app/app.h"

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
int cmd_doctor(struct app *app, int argc, char **argv);
int cmd_rule(struct app *app, int argc, char **argv);
int cmd_cidr(struct app *app, int argc, char **argv);
int cmd_port(struct app *app, int argc, char **argv);
int cmd_check(struct app *app, int argc, char **argv);
int cmd_diff(struct app *app, int argc, char **argv);
int cmd_apply(struct app *app, int argc, char **argv);
int cmd_confirm(struct app *app, int argc, char **argv);
int cmd_rollback(struct app *app, int argc, char **argv);
int cmd_save(struct app *app, int argc, char **argv);
int cmd_run(struct app *app, int argc, char **argv);
int cmd_test(struct app *app, int argc, char **argv);
int cmd_flows(struct app *app, int argc, char **argv);
int cmd_trace(struct app *app, int argc, char **argv);
int cmd_monitor(struct app *app, int argc, char **argv);
int cmd_top(struct app *app, int argc, char **argv);
int cmd_import(struct app *app, int argc, char **argv);
int cmd_listeners(struct app *app, int argc, char **argv);
int cmd_adopt(struct app *app, int argc, char **argv);
int cmd_shim(struct app *app, int argc, char **argv);
int cmd_watch(struct app *app, int argc, char **argv);
int cmd_clean(struct app *app, int argc, char **argv);
int cmd_features(struct app *app, int argc, char **argv);
int cmd_version(struct app *app, int argc, char **argv);

#endif
