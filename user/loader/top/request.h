/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `top`. Must not read anything else. */
#ifndef TPROXY_LOADER_TOP_REQUEST_H
#define TPROXY_LOADER_TOP_REQUEST_H

#include "loader/app/app.h"
#include "loader/top/frame.h"

struct top_request {
	enum top_view view;
	unsigned int interval_ms;
	size_t limit; /* rows; 0: not given */
	bool once;
};

/* EXIT_DONE, or EXIT_USAGE after a reported error. */
int top_request_parse(struct top_request *request, struct app *app, int argc, char **argv);

#endif
