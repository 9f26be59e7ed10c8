/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of a relay's path sockets (lib/rundir.h): by network namespace and first port, and by
 * device if the listeners are bound to one, because others may have the port then.
 */
#ifndef TPROXY_RELAY_PROCESS_RUNNAMES_H
#define TPROXY_RELAY_PROCESS_RUNNAMES_H

#include "relay/config/options.h"

#define RUN_NAME_LEN 64

struct run_names {
	char handover[RUN_NAME_LEN]; /* for root alone: the next relay asks there */
	char flows[RUN_NAME_LEN];    /* for root and group tproxy: lists of flows */
};

/* In the network namespace of the listeners. 0, or -errno if /proc does not tell which it is. */
int run_names_make(const struct options *o, struct run_names *ret_names);

/* Removes the sockets of these names that nobody serves any more. */
void run_names_forget(const struct run_names *names);

#endif
