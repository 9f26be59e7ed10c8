/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a trace to its end: reads events, shows them, follows the programs when they are replaced and
 * the interface when it is made again.
 */
#ifndef TPROXY_LOADER_TRACE_FOLLOW_H
#define TPROXY_LOADER_TRACE_FOLLOW_H

#include "loader/app/app.h"
#include "loader/trace/request.h"

/* Returns an enum exit_code; failures are reported. */
int trace_follow(struct app *app, const struct trace_request *request);

#endif
