/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routing of one family of one attached device, asked of the kernel now: are our rule and our
 * local route there, may a rule before ours decide about packets with our mark, and which
 * preference would be before all such rules. Reads only; steps repair, checks report.
 */
#ifndef TPROXY_LOADER_STEPS_ROUTING_ROUTING_H
#define TPROXY_LOADER_STEPS_ROUTING_ROUTING_H

#include "kernel/routing/route.h"
#include "lib/device.h"
#include "loader/app/session.h"

struct routing {
	__u8 family;
	struct device device;    /* the attached one */
	struct device named;     /* that our rule names: the device itself, for IPv6 its VRF */
	struct route_key key;    /* of the state */
	struct rule_list rules;  /* all of the family; owned */
	bool rule;               /* ours is there */
	__u32 pref;              /* of our first rule */
	__u32 wanted;            /* the preference before every rule that may decide */
	enum rule_match earlier; /* which of our packets rules before ours take */
	struct route_rule worst; /* the one that takes the most, unless RULE_NEVER */
	bool route;              /* our local route is there */
};

/* 0 or -errno; call routing_free either way. */
int routing_read(struct session *session, __u8 family, const struct device *device,
		 struct routing *ret_routing);
void routing_free(struct routing *routing);
#define __cleanup_routing __attribute__((cleanup(routing_free)))

/* Is this rule ours, for this device? */
bool routing_rule_is_ours(const struct routing *routing, const struct route_rule *rule);

/* Are rule and route there? */
bool routing_is_complete(const struct routing *routing);
/* Should our rule move: because another one decides before it, or because none does any more? */
bool routing_is_misplaced(const struct routing *routing);

/* In one word, for `status`. */
enum routing_state {
	ROUTING_OK,
	ROUTING_NO_RULE,
	ROUTING_NO_ROUTE,
	ROUTING_EARLIER, /* rule and route are there, but another rule may decide before ours */
	ROUTING_ABSENT,  /* the kernel has no such family */
	ROUTING_MAX
};
enum routing_state routing_state(struct session *session, __u8 family, const struct device *device);

#endif
