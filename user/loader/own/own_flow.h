/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What would happen to a flow of this host itself: as the programs for own traffic decide, by the
 * rules and by who sends. Reads and reports failures; sends and changes nothing.
 */
#ifndef TPROXY_LOADER_OWN_OWN_FLOW_H
#define TPROXY_LOADER_OWN_OWN_FLOW_H

#include "kernel/probe/simulate.h"
#include "loader/app/session.h"
#include "loader/own/sender.h"
#include "loader/show/own_reason.h"
#include "policy/config/config.h"

struct own_flow {
	const struct simulated_flow *flow;
	const struct own_sender *sender;
	pid_t pid;                   /* of the sender; 0: it is described by names only */
	const struct config *config; /* NULL: the live policy, and whether there is a listener */
};

struct own_decision {
	struct simulate_result result;
	struct rule
		rule; /* a copy of the deciding one without its sets; of OWN_REASON_OWNER that one */
	enum own_reason reason;
	bool attached; /* own traffic is */
};

/* 0 or a reported -errno. */
int own_flow_decide(struct session *session, const struct own_flow *own,
		    struct own_decision *ret_decision);

#endif
