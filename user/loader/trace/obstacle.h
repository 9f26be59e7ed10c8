/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a trace cannot begin: what is missing, in one sentence. */
#ifndef TPROXY_LOADER_TRACE_OBSTACLE_H
#define TPROXY_LOADER_TRACE_OBSTACLE_H

#include <stdbool.h>

/*
 * Is it the programs of ours that cannot be traced, while drops of the kernel can? True: warned that
 * verdicts will be missing. err: of trace_open.
 */
bool trace_obstacle_is_partial(int err);

/* Reports it as an error. */
void trace_obstacle_report(int err);

#endif
