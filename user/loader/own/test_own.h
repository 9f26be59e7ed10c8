/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `test --local`: what would happen to a flow of this host, and what is in its way. Changes
 * nothing.
 */
#ifndef TPROXY_LOADER_OWN_TEST_OWN_H
#define TPROXY_LOADER_OWN_TEST_OWN_H

#include "kernel/probe/simulate.h"
#include "loader/app/session.h"
#include "policy/config/config.h"

/*
 * sender: the owners that the user named; none: this process. config: the policy of a file, or
 * NULL. Prints the answer. Returns an enum exit_code.
 */
int test_own(struct session *session, const struct simulated_flow *flow, const struct rule *sender,
	     const struct config *config);

#endif
