/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where our routing rule for a device is among those of everybody else, asked of the kernel
 * now: is it there, may one before it decide about packets that carry our mark, and which
 * preference would be before all of these. Only looks.
 */
#ifndef TPROXY_LOADER_STEPS_ROUTING_H
#define TPROXY_LOADER_STEPS_ROUTING_H

#include "lib/device.h"
#include "kernel/routing/route.h"
#include "loader/app/session.h"

struct ruleorder {
	struct device device;    /* the attached one */
	struct device named;     /* that our rule names: itself, but its VRF for IPv6 */
	struct rule_list list;   /* every rule of the family; owned */
	bool there;              /* ours is */
	bool old;                /* one of an older build's is */
	__u32 pref;              /* of the first of ours */
	__u32 wanted;            /* where it is before everything that may decide */
	enum rule_match earlier; /* what others before it take of our packets */
	struct route_rule worst; /* the one that takes the most, unless RULE_NEVER */
};

/* 0 or -errno; call ruleorder_free either way. */
int ruleorder_read(struct session *session, __u8 family, const struct device *device,
		   struct ruleorder *ret_order);
void ruleorder_free(struct ruleorder *order);
#define __cleanup_ruleorder __attribute__((cleanup(ruleorder_free)))

/* Is it ours, for this device? */
bool ruleorder_is_ours(const struct ruleorder *order, const struct route_key *key,
		       const struct route_rule *rule);

/* Should it move: because another one decides before it, or because none does any more? */
bool ruleorder_is_misplaced(const struct ruleorder *order);

#endif
