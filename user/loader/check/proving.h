/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends a probe packet (probe.h) and says what became of it, in the words of a problem. Whether
 * one is to be sent is the caller's question.
 */
#ifndef TPROXY_LOADER_CHECK_PROVING_H
#define TPROXY_LOADER_CHECK_PROVING_H

#include "kernel/probe/probe.h"
#include "loader/check/checkup.h"

/* Where a problem belongs, and what the packet is to look like. */
struct proof {
	const struct checked_iface *iface; /* it comes in here */
	const char *rule;                  /* NULL: of no rule */
	struct probe_flow flow;
};

enum proved {
	PROVED_ARRIVES,
	PROVED_LOST,   /* and a problem says why */
	PROVED_NOTHING /* it could not be sent: no right to, or another command has the lock */
};

/* Takes the lock if the checkup may. */
enum proved proving_run(struct checkup *c, const struct proof *proof);

#endif
