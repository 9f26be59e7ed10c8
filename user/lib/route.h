/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policy routing that delivers marked packets here: one `ip rule` for each
 * interface and family, one `local default` route for each family. Everything
 * carries our own protocol number; nothing else is ever changed or removed.
 * The rules and routes are kernel state: they outlive the process.
 */
#ifndef TPROXY_ROUTE_H
#define TPROXY_ROUTE_H

#include <linux/types.h>
#include <net/if.h>
#include <stdbool.h>

#include "netlink.h"

struct route_key {
	__u32 mark;
	__u32 mask;
	__u32 table;
};

/* The bit set besides `mark` on datagrams that forbid fragments: the next higher, or lower one. */
__u32 route_df_mark(__u32 mark);

struct route_rule {
	__u8 family;
	__u8 protocol;
	__u32 pref;
	__u32 mark;
	__u32 mask;
	__u32 table;
	char iif[IF_NAMESIZE];
};

/* True if the kernel has this address family at all. */
bool route_family_present(__u8 family);

/* Both: 0 also when it was there (gone) already. */
int route_rule_add(struct nl *nl, __u8 family, const struct route_key *key, const char *iif);
int route_rule_del(struct nl *nl, __u8 family, const struct route_key *key, const char *iif);
int route_local_add(struct nl *nl, __u8 family, __u32 table);
int route_local_del(struct nl *nl, __u8 family, __u32 table);

/* 1 present, 0 absent, or -errno. */
int route_rule_present(struct nl *nl, __u8 family, const struct route_key *key, const char *iif);
int route_local_present(struct nl *nl, __u8 family, __u32 table);

/* Every rule of a family; cb's non-zero result ends the walk with it. */
int route_rules(struct nl *nl, __u8 family, int (*cb)(const struct route_rule *rule, void *arg),
		void *arg);

/* Did we make it, with this key? */
bool route_rule_is_ours(const struct route_rule *rule, const struct route_key *key);

/* Index of the interface a packet to this address leaves by, or -errno. */
int route_output(struct nl *nl, __u8 family, const void *addr);

/*
 * Looks for somebody else's rule that matches these bits of a mark, or routes in a table.
 * 1 and a sentence in `ret_text` (size bytes) when there is one, 0 or -errno.
 */
int route_mark_conflict(struct nl *nl, __u32 bits, char *ret_text, size_t size);
int route_table_conflict(struct nl *nl, __u32 table, char *ret_text, size_t size);

/*
 * Asks the kernel where a marked packet that enters by `iif` would go, from a neighbour
 * on `link` (another device with VRFs only). 0 when it is delivered here, -EXDEV when it
 * is not, -EAGAIN when the kernel could not say (no address on the link to ask with).
 */
int route_prove(struct nl *nl, __u8 family, const struct route_key *key, int iif, int link);

#endif
