/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a trace cannot begin, or cannot show drops of the kernel: what is missing, in one sentence. */
#ifndef TPROXY_LOADER_TRACE_OBSTACLE_H
#define TPROXY_LOADER_TRACE_OBSTACLE_H

/* The trace cannot begin. err: of trace_open. */
void trace_obstacle_report(int err);

/* It shows verdicts only. err: of trace_open_drops. */
void trace_obstacle_warn(int err);

#endif
