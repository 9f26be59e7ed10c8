/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `monitor`. Must not read anything else. */
#ifndef TPROXY_LOADER_MONITOR_REQUEST_H
#define TPROXY_LOADER_MONITOR_REQUEST_H

#include "loader/app/app.h"

struct monitor_request {
	unsigned long count;  /* events; 0: without end */
	uint64_t duration_ms; /* 0: without end */
};

/* EXIT_DONE, or EXIT_USAGE after a reported error. */
int monitor_request_parse(struct monitor_request *request, struct app *app, int argc, char **argv);

#endif
