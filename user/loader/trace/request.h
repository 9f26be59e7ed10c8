/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command line of `trace` asks for. Knows no kernel. */
#ifndef TPROXY_LOADER_TRACE_REQUEST_H
#define TPROXY_LOADER_TRACE_REQUEST_H

#include "loader/app/app.h"
#include "tproxy_trace.h"

struct trace_request {
	struct trace_filter filter;
	const char *ifname; /* NULL: all that are attached, and own traffic */
	bool local;         /* only own traffic */
	__u32 count;        /* events to show; 0: no limit */
	__u64 duration_ms;  /* 0: until a signal */
	bool json;
};

/* EXIT_DONE, or EXIT_USAGE after a reported error. */
int trace_request_parse(struct trace_request *request, struct app *app, int argc, char **argv);

#endif
