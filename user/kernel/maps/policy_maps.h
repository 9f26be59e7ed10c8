/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps that hold the policy of an open state: reads the policy back, edits it in place, walks
 * interfaces, reads counters, refreshes local addresses. Each edit is one atomic map update, and
 * packets are matched all the time.
 */
#ifndef TPROXY_KERNEL_MAPS_POLICY_MAPS_H
#define TPROXY_KERNEL_MAPS_POLICY_MAPS_H

#include "kernel/maps/bulk.h"
#include "kernel/state/state.h"
#include "lib/netlink.h"
#include "policy/tables.h"

/* Reads the maps of the active generation. */
int policy_maps_read(const struct state *state, struct policy *ret_policy);
/* Names, actions, proxies and interfaces of the rules, without the sets that they match. */
int policy_maps_read_rules(const struct state *state, struct policy *ret_policy);
/* The rules that an interface of this name should have: of `unlimited`, and those limited to it. */
int policy_maps_rules_on(const struct state *state, const char *ifname, tproxy_mask unlimited,
			 tproxy_mask *ret_mask);
/* The rules for own traffic. */
int policy_maps_local_rules(const struct state *state, tproxy_mask *ret_mask);

/* Writes a whole policy into empty maps, interfaces excepted. */
int policy_maps_fill(const struct state *state, const struct policy *policy,
		     bulk_progress progress);

/* As the maps have it, with edits by hand; sorted. */
int policy_maps_read_tables(const struct state *state, struct tables *tables);
/* Writes one entry. */
int policy_maps_update(const struct state *state, enum state_map map, const void *key,
		       const void *value);

/*
 * Makes the edits that lead from one policy to the other, and nothing else. -EOPNOTSUPP: the state
 * is of an older build, which knows nothing of owners.
 */
int policy_maps_change(struct state *state, const struct policy *from, const struct policy *to);

/* 1 if the maps, settings or interfaces of the two policies differ, 0 if not, or -ENOMEM. */
int policy_maps_differ(const struct policy *from, const struct policy *to);

/* Prints the same edits as bpftool commands, one a line, and makes none. */
int policy_maps_print_bpftool(const struct state *state, const struct policy *from,
			      const struct policy *to, FILE *out);

struct iface_entry {
	__u32 ifindex;
	struct tproxy_iface value;
};

/* All attached interfaces, sorted by ifindex; *ret_ifaces is the caller's to free. */
int policy_maps_ifaces(const struct state *state, struct iface_entry **ret_ifaces, size_t *ret_n);
int policy_maps_iface_get(const struct state *state, __u32 ifindex, struct tproxy_iface *ret_value);
int policy_maps_iface_set(const struct state *state, __u32 ifindex,
			  const struct tproxy_iface *value);
int policy_maps_iface_del(const struct state *state, __u32 ifindex);

/* Updates the set of local addresses: adds new ones, removes those that are gone. */
int policy_maps_refresh_local(const struct state *state, struct nl *nl);

/* ret_counters: TPROXY_COUNT_MAX sums over all CPUs. */
int policy_maps_counters(const struct state *state, __u64 *ret_counters);
int policy_maps_rulestat(const struct state *state, __u32 rule, struct tproxy_rulestat *ret_stat);
/* NULL: zero. */
int policy_maps_set_rulestat(const struct state *state, __u32 rule,
			     const struct tproxy_rulestat *stat);

/* Cookie of the socket in a slot, 0 when the slot is empty. */
__u64 policy_maps_slot_cookie(const struct state *state, __u32 slot);

#endif
