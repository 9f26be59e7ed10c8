/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends a probe packet (probe.h) and reports as a problem if it does not arrive. The caller decides
 * whether one is sent.
 */
#ifndef TPROXY_LOADER_CHECK_TOOLS_PROVING_H
#define TPROXY_LOADER_CHECK_TOOLS_PROVING_H

#include "kernel/probe/probe.h"
#include "loader/check/tools/checkup.h"

/* What a problem concerns, and the flow of the packet. */
struct proof {
	const struct checked_iface *iface; /* where it comes in */
	const char *rule;                  /* NULL: none */
	struct probe_flow flow;
};

enum proved {
	PROVED_ARRIVES,
	PROVED_LOST,   /* a problem says why */
	PROVED_NOTHING /* it could not be sent: not permitted, or another command has the lock */
};

/* Takes the lock if the checkup allows it. */
enum proved proving_run(struct checkup *c, const struct proof *proof);

#endif
