/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policy routing that delivers marked packets here: one `ip rule` for each
 * interface and family, one `local default` route for each family. Everything
 * carries our own protocol number; nothing else is ever changed or removed.
 * The rules and routes are kernel state: they outlive the process.
 *
 * A rule is usually at TPROXY_RULE_PREF, and at a smaller preference where others
 * would decide first (rules.h): functions here find it at any. They take rules and
 * routes of older builds (TPROXY_RT_PROTOCOL_OLD) for ours if mark, mask and table are.
 */
#ifndef TPROXY_KERNEL_ROUTING_ROUTE_H
#define TPROXY_KERNEL_ROUTING_ROUTE_H

#include <linux/types.h>
#include <net/if.h>
#include <stdbool.h>

#include "lib/netlink.h"
#include "kernel/routing/rules.h"

struct route_key {
	__u32 mark;
	__u32 mask;
	__u32 table;
};

/* The bit set besides `mark` on datagrams that forbid fragments: the next higher, or lower one. */
__u32 route_df_mark(__u32 mark);

/* True if the kernel has this address family at all. */
bool route_family_present(__u8 family);
/* '4' or '6', as in `ip -4`. */
char route_family_digit(__u8 family);

/* ---- rules ------------------------------------------------------------------ */

/* Adds ours at this preference, even where another one is the same. */
int route_rule_add(struct nl *nl, __u8 family, const struct route_key *key, const char *iif,
		   __u32 pref);
/* Removes exactly this one of ours: its preference and protocol. 0 also when it was gone. */
int route_rule_del_at(struct nl *nl, const struct route_rule *rule);

/* Every rule of a family; cb's non-zero result ends the walk with it. cb may use nl. */
int route_rules(struct nl *nl, __u8 family, int (*cb)(const struct route_rule *rule, void *arg),
		void *arg);
/* As route_rules, those of every state of tproxy, with their keys: also of states without pins. */
int route_rules_of_tproxy(struct nl *nl, __u8 family,
			  int (*cb)(const struct route_rule *rule, void *arg), void *arg);

/* Did we make it, with this key? */
bool route_rule_is_ours(const struct route_rule *rule, const struct route_key *key);
/* Did an older build, so that it wants to be replaced? */
bool route_rule_is_old(const struct route_rule *rule);

/* ---- local routes ----------------------------------------------------------- */

/* What is in a table. */
struct route_table {
	bool ours;    /* our local route */
	bool old;     /* that of an older build */
	bool foreign; /* anything else */
};
int route_table_read(struct nl *nl, __u8 family, __u32 table, struct route_table *ret_table);

int route_local_add(struct nl *nl, __u8 family, __u32 table);
/*
 * Adds ours beside that of an older build (IPv4), or in its place (IPv6, which would take the
 * first default route of the table), without a gap.
 */
int route_local_add_over_old(struct nl *nl, __u8 family, __u32 table);
int route_local_del(struct nl *nl, __u8 family, __u32 table);
int route_local_del_old(struct nl *nl, __u8 family, __u32 table);

/* 1 present, 0 absent, or -errno. */
int route_local_present(struct nl *nl, __u8 family, __u32 table);

/* Index of the interface a packet to this address leaves by, or -errno. */
int route_output(struct nl *nl, __u8 family, const void *addr);

/* ---- conflicts -------------------------------------------------------------- */

/*
 * Looks for somebody else's rule that matches these bits of a mark, or routes in a table.
 * 1 and a sentence in `ret_text` (size bytes) when there is one, 0 or -errno.
 */
int route_mark_conflict(struct nl *nl, __u32 bits, char *ret_text, size_t size);
int route_table_conflict(struct nl *nl, __u32 table, char *ret_text, size_t size);

/* ---- proof ------------------------------------------------------------------ */

/*
 * Asks the kernel where marked packets to some destinations that enter by `iif` would go, from
 * a neighbour on `link` (another device with VRFs only). 0 when all are delivered here, -EXDEV
 * when one is not, -EAGAIN when the kernel could not say (no address on the link to ask with).
 */
int route_prove(struct nl *nl, __u8 family, const struct route_key *key, int iif, int link);

#endif
