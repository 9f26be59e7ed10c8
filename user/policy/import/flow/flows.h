/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of flows, as the product of what a rule can tell apart. The walk cuts it down from line to
 * line, and a line's match is one, too. Must not know chains, nor rules of ours.
 */
#ifndef TPROXY_POLICY_IMPORT_FLOW_FLOWS_H
#define TPROXY_POLICY_IMPORT_FLOW_FLOWS_H

#include "policy/import/flow/span.h"
#include "policy/sets.h"

enum {
	FLOWS_TCP = 1,
	FLOWS_UDP = 2,
	FLOWS_OTHER = 4, /* other protocols, which we never intercept */
	FLOWS_EVERY_PROTO = FLOWS_TCP | FLOWS_UDP | FLOWS_OTHER,
};
#define FLOWS_MAX_PORT 65535u
#define FLOWS_MAX_ID 4294967294u /* of users and groups */

struct flows {
	__u8 protos;
	char in[TPROXY_IFNAME_LEN]; /* interface, or a glob that ends in '*'; empty: any */
	struct prefix_set from, to; /* owned; sorted, disjoint, as few as possible */
	struct span_set ports;      /* owned */
	struct span_set ids[2];     /* owned; users and groups, by enum tproxy_owner_kind */
	char *cgroup;               /* owned; path, which means all below it; NULL: any */
};

/* All of a family. 0 or -ENOMEM. */
int flows_all(__u8 family, struct flows *ret_flows);
/* What is in both. 0 or -ENOMEM. */
int flows_and(const struct flows *a, const struct flows *b, struct flows *ret_both);
bool flows_is_empty(const struct flows *flows);
bool flows_equal(const struct flows *a, const struct flows *b);
void flows_free(struct flows *flows);
#define __cleanup_flows __attribute__((cleanup(flows_free)))

/* Each interface that `inner` means is one of `outer`'s. */
bool flows_in_covers(const char *outer, const char *inner);
/* The cgroup `inner` is `outer` or below it. */
bool flows_cgroup_covers(const char *outer, const char *inner);

/* Sorts, joins neighbours, drops what others cover. */
void flows_tidy_prefixes(struct prefix_set *set);
/* Every address outside. 0 or -ENOMEM. */
int flows_not_prefixes(const struct prefix_set *set, __u8 family, struct prefix_set *ret_set);
/* Both are tidy. Sets of tens of thousands are usual, so none of these compares each with each. */
bool flows_prefixes_cover(const struct prefix_set *outer, const struct prefix_set *inner);
int flows_add_prefixes(struct prefix_set *to, const struct prefix_set *from);

#endif
