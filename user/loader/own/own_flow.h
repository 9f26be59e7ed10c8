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
#include "policy/config/config.h"

struct own_flow {
	const struct simulated_flow *flow;
	const struct own_sender *sender;
	const struct config *config; /* NULL: the live policy, and whether there is a listener */
};

/*
 * *ret_rule: a copy of the deciding rule without its sets. *ret_attached: own traffic is attached.
 * 0 or a reported -errno.
 */
int own_flow_decide(struct session *session, const struct own_flow *own,
		    struct simulate_result *ret_result, struct rule *ret_rule, bool *ret_attached);

#endif
