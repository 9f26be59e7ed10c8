/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Relays that run in other network namespaces of this host, which take no flows of ours. Must not
 * ask them anything.
 */
#ifndef TPROXY_LIB_FLOWS_ELSEWHERE_H
#define TPROXY_LIB_FLOWS_ELSEWHERE_H

#include <stdbool.h>
#include <sys/types.h>

#define FLOWS_NETNS_LEN 64

struct flows_elsewhere {
	pid_t pid;                   /* 0: unknown */
	char netns[FLOWS_NETNS_LEN]; /* printable; empty: it has no name */
};

/* Finds one of them. False also if RUNDIR cannot be read. */
bool flows_find_elsewhere(struct flows_elsewhere *ret_elsewhere);

#endif
