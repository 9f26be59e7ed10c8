/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps of attach and detach. Each prints what it does ("[#] …"), does one thing unless the
 * session is a dry run, and reports its own failure in one sentence; callers only pass the -errno
 * on. Every step may be repeated.
 */
#ifndef TPROXY_LOADER_STEPS_STEPS_H
#define TPROXY_LOADER_STEPS_STEPS_H

#include "kernel/hook/hook.h"
#include "kernel/maps/policy_maps.h"
#include "kernel/routing/route.h"
#include "lib/device.h"
#include "loader/app/session.h"

struct route_key steps_route_key(const struct session *session);

int steps_create_state(struct session *session, const struct tproxy_config *config);
/* Replaces programs of another build by the embedded ones, on every interface, without a gap. */
int steps_replace_build(struct session *session);
/* Every attachment of `state` gets the programs of `next`, which may be `state`; prints nothing. */
int steps_move_programs(struct nl *nl, const struct state *state, const struct state *next);
int steps_remove_state(struct session *session);

int steps_refresh_local(struct session *session);

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

int steps_lookup_on(struct session *session);
int steps_lookup_off(struct session *session);

/* The ingress of a device as this state sees it, and by which hook our program is there. */
void steps_site(struct session *session, int ifindex, struct hook_site *ret_site);
enum hook steps_hook_present(struct session *session, int ifindex);
/* Does our link still work on a device that left this network namespace? */
bool steps_moved_away(struct session *session, int ifindex);

int steps_hook_on(struct session *session, const struct device *device, enum hook hook,
		  const struct place *place);
int steps_hook_off(struct session *session, int ifindex, const char *name, enum hook hook);
/* Removes the clsact qdisc unless a filter is left on it. */
int steps_qdisc_off(struct session *session, int ifindex, const char *name);

#endif
