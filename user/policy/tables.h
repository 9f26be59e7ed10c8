/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy as the data path reads it: sorted tables of value → rule mask. Compiles a policy into
 * tables, turns tables back into a policy (tables_read.c), lists the map edits that lead from one
 * to the other (tables_diff.c), and keeps edits by hand where a policy changes (tables_rebase.c).
 * No I/O.
 *
 * A prefix's mask holds the rules of every prefix that covers it, so that the longest match has all
 * rules that accept the address. Turned back, a prefix keeps only the bits that its covering prefix
 * does not have: each rule gets the smallest set of prefixes with the same meaning.
 */
#ifndef TPROXY_POLICY_TABLES_H
#define TPROXY_POLICY_TABLES_H

#include "policy/policy.h"
#include "tproxy.h"

struct prefix_mask {
	struct prefix prefix;
	tproxy_mask mask;
};

struct prefix_table {
	struct prefix_mask *items; /* owned; sorted by prefix_cmp, no duplicates */
	size_t n, room;
};

struct port_mask {
	__u8 proto;
	__u16 port; /* host byte order; 0 = every port */
	tproxy_mask mask;
};

struct port_table {
	struct port_mask *items; /* owned; sorted by protocol, port */
	size_t n, room;
};

struct tables {
	struct prefix_table dst, src;
	struct prefix_table owners; /* of rules for own traffic; prefixes of OWNER_FAMILY */
	struct port_table ports;
	struct tproxy_rule rules[TPROXY_MAX_RULES];
	tproxy_mask active; /* rules that are in use */
};

int tables_compile(const struct policy *policy, struct tables *ret_tables);
int tables_to_policy(const struct tables *tables, struct policy *ret_policy);
void tables_free(struct tables *tables);
#define __cleanup_tables __attribute__((cleanup(tables_free)))

bool tables_rule_is_used(const struct tproxy_rule *rule);
bool tables_rule_is_local(const struct tproxy_rule *rule); /* used, and for own traffic, too */

/* For readers of the maps: append in any order, then sort once. 0 or -ENOMEM. */
int prefix_table_append(struct prefix_table *table, const struct prefix *prefix, tproxy_mask mask);
int port_table_append(struct port_table *table, __u8 proto, __u16 port, tproxy_mask mask);
void tables_sort(struct tables *tables);
/*
 * Calls cb for each entry of a sorted table with the nearest entry that covers it, or NULL. Stops
 * at cb's first non-zero result and returns it.
 */
int prefix_table_walk(struct prefix_table *table,
		      int (*cb)(struct prefix_mask *entry, const struct prefix_mask *cover,
				void *arg),
		      void *arg);

/* Which pinned map an edit concerns; names in tables_map_names. */
enum tables_map {
	TABLES_DST4,
	TABLES_DST6,
	TABLES_SRC4,
	TABLES_SRC6,
	TABLES_PORTS,
	TABLES_OWNERS,
	TABLES_RULES,
	TABLES_MAP_MAX
};
extern const char *const tables_map_names[TABLES_MAP_MAX];

struct tables_edit {
	enum tables_map map;
	bool remove;
	size_t key_size, value_size;
	union {
		struct tproxy_lpm4 lpm4;
		struct tproxy_lpm6 lpm6;
		struct tproxy_port port;
		struct tproxy_owner_key owner;
		__u32 index;
	} key;
	union {
		tproxy_mask mask;
		struct tproxy_rule rule;
	} value;
};

/* Order of a sorted port table. */
int port_mask_cmp(const struct port_mask *a, const struct port_mask *b);

/*
 * *ret_target: `actual` after the change from one policy to another. `actual` may have been edited
 * by hand since it was compiled. Entries that the change does not concern stay, and with them
 * exclusions and additions made by hand.
 */
int tables_rebase(const struct tables *actual, const struct tables *before,
		  const struct tables *after, struct tables *ret_target);

/*
 * Calls cb for each map edit that leads from one to the other, in an order that is safe while
 * packets are matched: at every moment an address or port finds its old mask or its new one.
 * Removed rules go first, and new ones come last. Stops at cb's first non-zero result and returns
 * it.
 */
int tables_diff(const struct tables *from, const struct tables *to,
		int (*cb)(const struct tables_edit *edit, void *arg), void *arg);

#endif
