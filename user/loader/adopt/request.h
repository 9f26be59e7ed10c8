/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `adopt`. Does nothing else. */
#ifndef TPROXY_LOADER_ADOPT_REQUEST_H
#define TPROXY_LOADER_ADOPT_REQUEST_H

#include "loader/adopt/adopt.h"

struct adopt_request {
	struct adopt_want want; /* borrows from argv */
	bool list, release, all, dry_run;
};

/* An enum exit_code; reports. */
int adopt_request_parse(struct adopt_request *request, struct app *app, int argc, char **argv);

#endif
