/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A probe for one rule: a flow that this rule takes, by the live maps, and whether its first packet
 * reaches a listener. Finds the flow; sends it with proving.h.
 */
#ifndef TPROXY_LOADER_CHECK_TOOLS_RULE_PROBE_H
#define TPROXY_LOADER_CHECK_TOOLS_RULE_PROBE_H

#include "kernel/probe/simulate.h"
#include "loader/check/tools/checkup.h"

enum rule_probe_result {
	RULE_PROBE_ARRIVES,
	RULE_PROBE_LOST,      /* a problem says why */
	RULE_PROBE_UNSENT,    /* the kernel or another command stopped it */
	RULE_PROBE_NO_CLIENT, /* no address from which a client could be derived */
	RULE_PROBE_NO_FLOW,   /* other rules, or this host itself, take every flow that was tried */
	RULE_PROBE_MAX
};
extern const char *const rule_probe_names[RULE_PROBE_MAX];

struct rule_probe {
	int rule;                          /* index in the policy */
	const struct checked_iface *iface; /* where it comes in */
	enum tproxy_class cls;
	enum rule_probe_result result;
	struct endpoint src, dst; /* family 0 where none was found */
};

/* Fills in the rest of rule, iface and cls. Adds problems to the checkup. */
void rule_probe_run(struct checkup *c, const struct simulation *simulation,
		    struct rule_probe *probe);

#endif
