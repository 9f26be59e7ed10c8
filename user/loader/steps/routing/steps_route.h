/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps for routing: our rule for each interface and family, and the local routes. As in
 * steps.h each prints what it does, reports its own failure and may be repeated.
 */
#ifndef TPROXY_LOADER_STEPS_ROUTING_STEPS_ROUTE_H
#define TPROXY_LOADER_STEPS_ROUTING_STEPS_ROUTE_H

#include "kernel/routing/route.h"
#include "lib/device.h"
#include "loader/app/session.h"

struct route_key steps_route_key(const struct session *session);
/* The same for what enters by this device: lo has the key of own traffic. */
struct route_key steps_route_key_on(const struct session *session, const struct device *device);

/* The device that a rule for this one names: the device itself, for IPv6 its VRF. 0 or -errno. */
int steps_rule_device(struct session *session, __u8 family, const struct device *device,
		      struct device *ret_device);
/* Does the interface need rule and route for this family? */
bool steps_family_wanted(__u8 family, const char *ifname);
/* What may help if a rule or a route cannot be added. */
const char *steps_route_hint(int err);
/*
 * Puts our rule before all that may decide about marked packets: adds it there, then removes it
 * from its old place. With session->hold_rules it stays where it is. Then proves that it works, by
 * the rules and, where possible, by route look-ups.
 */
int steps_rule_on(struct session *session, __u8 family, const struct device *device);
int steps_rule_off(struct session *session, const struct route_rule *rule);
/* Local route and rule for each family that the device has. */
int steps_route_on(struct session *session, const struct device *device);
/* Replaces rules and routes of attached interfaces that an older build made. */
int steps_route_renew(struct session *session);
/* Removes the rules that no attached interface needs, not counting this one; 0: count all. */
int steps_route_off(struct session *session, int ifindex);
/* Does one of these interfaces need our rule with this iif? */
bool steps_rule_needed(struct session *session, __u8 family, const char *iif,
		       const struct iface_entry *ifaces, size_t n);
/* Removes the local routes, once no interface needs them. */
int steps_routes_off(struct session *session);

#endif
