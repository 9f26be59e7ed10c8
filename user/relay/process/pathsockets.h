/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the path sockets of a relay at its start, or takes those of the relay that it replaces. Must
 * not serve them.
 */
#ifndef TPROXY_RELAY_PROCESS_PATHSOCKETS_H
#define TPROXY_RELAY_PROCESS_PATHSOCKETS_H

#include "relay/process/handover.h"
#include "relay/process/runnames.h"
#include "relay/process/takeover.h"

/* Chooses directory and names. Without /proc there are none, which is logged. */
void path_sockets_name(const struct options *o, struct run_names *ret_names);

/*
 * Opens the socket for hand-overs in h, and returns that for lists of flows, -1: none. The relay works
 * without them, so a failure is only logged.
 */
int path_sockets_open(const struct run_names *names, struct takeover *t, struct handover *h);

#endif
