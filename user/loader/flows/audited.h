/* SPDX-License-Identifier: BSD-2-Clause */
/* The open audited flows, read from the map of the data path, as flows of a list. Reads only. */
#ifndef TPROXY_LOADER_FLOWS_AUDITED_H
#define TPROXY_LOADER_FLOWS_AUDITED_H

#include "kernel/state/state.h"
#include "lib/flows/list.h"

/*
 * Appends those that match; their relay has no name. rules: what a flow with this number of its rule
 * gets, TPROXY_MAX_RULES of them. 0, also where the state has no such map, or -errno.
 */
int audited_add(struct flow_list *list, const struct flows_filter *filter,
		const struct state *state, const struct flow_rule *rules);

#endif
