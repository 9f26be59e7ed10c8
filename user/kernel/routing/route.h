/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy routing that delivers marked packets here: one `ip rule` for each interface and
 * family, one `local default` route for each family. They have our own protocol number; nothing
 * else is ever changed or removed. Rules and routes are kernel state and outlive the process.
 *
 * A rule is usually at TPROXY_RULE_PREF, and at a smaller preference where other rules would
 * decide first (rules.h); functions here find it at any preference. Rules and routes of older
 * builds (TPROXY_RT_PROTOCOL_OLD) are ours, too, if they have our mark, mask and table.
 */
#ifndef TPROXY_KERNEL_ROUTING_ROUTE_H
#define TPROXY_KERNEL_ROUTING_ROUTE_H

#include <linux/types.h>
#include <net/if.h>
#include <stdbool.h>

#include "kernel/routing/rules.h"
#include "lib/netlink.h"

struct route_key {
	__u32 mark;
	__u32 mask;
	__u32 table;
};

#define ROUTE_FAMILIES 2
extern const __u8 route_families[ROUTE_FAMILIES]; /* AF_INET, AF_INET6 */
/* True if the kernel has this address family at all. */
bool route_family_present(__u8 family);
/* '4' or '6', as in `ip -4`. */
char route_family_digit(__u8 family);

/* ---- rules -------------------------------------------------------------- */

/* Adds our rule at this preference, also where an equal one is at another preference. */
int route_rule_add(struct nl *nl, __u8 family, const struct route_key *key, const char *iif,
		   __u32 pref);
/* Removes exactly this rule, with its preference and protocol. 0 also if it is gone. */
int route_rule_del_at(struct nl *nl, const struct route_rule *rule);

/* Calls cb for every rule of a family, until it returns other than 0. cb may use nl. */
int route_rules(struct nl *nl, __u8 family, int (*cb)(const struct route_rule *rule, void *arg),
		void *arg);
/* As route_rules, but only rules of tproxy states, also of states whose pins are gone. */
int route_rules_of_tproxy(struct nl *nl, __u8 family,
			  int (*cb)(const struct route_rule *rule, void *arg), void *arg);

/* Did this state make it? */
bool route_rule_is_ours(const struct route_rule *rule, const struct route_key *key);
/* Did an older build make it, so that it must be replaced? */
bool route_rule_is_old(const struct route_rule *rule);

/* ---- local routes ------------------------------------------------------- */

/* What is in a table. */
struct route_table {
	bool ours;    /* our local route */
	bool old;     /* that of an older build */
	bool foreign; /* anything else */
};
int route_table_read(struct nl *nl, __u8 family, __u32 table, struct route_table *ret_table);

int route_local_add(struct nl *nl, __u8 family, __u32 table);
/*
 * Adds ours without a gap: beside that of an older build (IPv4), or in its place (IPv6, where the
 * kernel takes the first default route of the table for the same).
 */
int route_local_add_over_old(struct nl *nl, __u8 family, __u32 table);
int route_local_del(struct nl *nl, __u8 family, __u32 table);
int route_local_del_old(struct nl *nl, __u8 family, __u32 table);

/* 1 present, 0 absent, or -errno. */
int route_local_present(struct nl *nl, __u8 family, __u32 table);

/* Index of the interface a packet to this address leaves by, or -errno. */
int route_output(struct nl *nl, __u8 family, const void *addr);

/* ---- conflicts ---------------------------------------------------------- */

/*
 * Looks for rules of others that match these bits of a mark, or for routes of others in a table.
 * 1 and a sentence in ret_text (size bytes) if there is one, 0 or -errno.
 */
int route_mark_conflict(struct nl *nl, __u32 bits, char *ret_text, size_t size);
int route_table_conflict(struct nl *nl, __u32 table, char *ret_text, size_t size);

/* ---- proof -------------------------------------------------------------- */

/*
 * Asks the kernel where marked packets to some destinations would go that enter by `iif` from a
 * neighbour on `link` (the same device, except with VRFs). 0 if all are delivered here, -EXDEV if
 * one is not, -EAGAIN if it cannot be found out (no address on the link to ask with).
 */
int route_prove(struct nl *nl, __u8 family, const struct route_key *key, int iif, int link);

#endif
