/* SPDX-License-Identifier: BSD-2-Clause */
/* The sets of `ipset save` text that a prefix set can hold: hash:net and hash:ip. No I/O. */
#ifndef TPROXY_POLICY_IMPORT_IPT_IPSET_H
#define TPROXY_POLICY_IMPORT_IPT_IPSET_H

#include "policy/sets.h"

#define IPSET_NAME_LEN 32

struct ipset {
	char name[IPSET_NAME_LEN];
	__u8 family;
	const char *why; /* why it has no counterpart; static; NULL: it has */
	struct prefix_set prefixes;
};

struct ipsets {
	struct ipset *items; /* owned */
	size_t n, room;
};

/* "create …" or "add …"; it is changed. 0, -EINVAL (neither), -ENOMEM. */
int ipsets_take(struct ipsets *sets, char *line);
/* Sorts all of them. */
void ipsets_tidy(struct ipsets *sets);
const struct ipset *ipsets_find(const struct ipsets *sets, const char *name);
void ipsets_free(struct ipsets *sets);

#endif
