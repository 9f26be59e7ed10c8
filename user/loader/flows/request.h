/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `flows`. Must not ask a relay. */
#ifndef TPROXY_LOADER_FLOWS_REQUEST_H
#define TPROXY_LOADER_FLOWS_REQUEST_H

#include "lib/flows/report.h"
#include "loader/app/app.h"

struct flows_command {
	struct flow_report report;
	bool kill;
	uint64_t *ids; /* owned; to end */
	size_t n_ids, room;
};

/* EXIT_DONE, or EXIT_USAGE after a reported error; flows_command_free in any case. */
int flows_command_parse(struct flows_command *command, struct app *app, int argc, char **argv);
void flows_command_free(struct flows_command *command);
#define __cleanup_flows_command __attribute__((cleanup(flows_command_free)))

#endif
