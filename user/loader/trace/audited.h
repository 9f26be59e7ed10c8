/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a packet one of a flow that an audit rule forwards? The data path says so of a flow start only.
 * Asks the kernel. Must not know how it is printed.
 */
#ifndef TPROXY_LOADER_TRACE_AUDITED_H
#define TPROXY_LOADER_TRACE_AUDITED_H

#include <stdbool.h>

#include "kernel/state/state.h"
#include "tproxy_trace.h"

/* As the table has it now, in either direction: an entry is gone soon after its flow has ended. */
bool trace_is_audited(const struct state *state, const struct trace_flow *flow);

#endif
