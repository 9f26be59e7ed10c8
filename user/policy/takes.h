/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which flows a policy takes: what the data path decides for each flow, here for one flow, or for
 * all UDP flows at once when a policy replaces another. No I/O.
 */
#ifndef TPROXY_POLICY_TAKES_H
#define TPROXY_POLICY_TAKES_H

#include "policy/tables.h"

/* The rule that decides about a flow, among those of `mask`; -1: none. */
int takes_flow(const struct tables *tables, tproxy_mask mask, const struct tproxy_flow_key *key);

/* A process that sends. */
struct takes_sender {
	__u64 id[2];    /* by enum tproxy_owner_kind: uid, gid */
	__u64 *cgroups; /* ids of its cgroup and of those above it */
	size_t n_cgroups;
};

/* The same for own traffic. */
int takes_own_flow(const struct tables *tables, tproxy_mask mask, const struct tproxy_flow_key *key,
		   const struct takes_sender *sender);

/*
 * May a proxy rule get the flow on some interface, attached or not? True in doubt. tables: of that
 * policy.
 */
bool takes_flow_somewhere(const struct tables *tables, const struct policy *policy,
			  const struct tproxy_flow_key *key);

/* A policy as it is in force on one interface. */
struct policy_in_force {
	const struct policy *policy;
	tproxy_mask mask;
};

/* Does any of its proxy rules take UDP flows? */
bool takes_udp(const struct policy_in_force *t);

/*
 * May a proxy rule of `after` get a UDP flow that no proxy rule of `before` gets? 1 in doubt, also
 * for some policies that only look different. 0, 1 or -ENOMEM.
 */
int takes_more_udp(const struct policy_in_force *before, const struct policy_in_force *after);

#endif
