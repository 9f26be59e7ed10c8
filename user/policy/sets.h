/* SPDX-License-Identifier: BSD-2-Clause */
/* The sets that a rule consists of: prefixes, services and names of interfaces. Pure data. */
#ifndef TPROXY_POLICY_SETS_H
#define TPROXY_POLICY_SETS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/parse.h"
#include "tproxy.h"

struct prefix_set {
	struct prefix *items; /* owned */
	size_t n, room;
};

struct service {
	__u8 proto; /* IPPROTO_TCP, IPPROTO_UDP */
	struct port_range range;
};

struct service_set {
	struct service *items; /* owned */
	size_t n, room;
};

/* Names of interfaces and globs; a device need not exist to be named. */
struct name_set {
	char (*items)[TPROXY_IFNAME_LEN]; /* owned */
	size_t n, room;
};

/* Values of the key `proto`; bits. */
enum policy_proto { POLICY_TCP = 1, POLICY_UDP = 2, POLICY_TCP_UDP = 3, POLICY_PROTO_MAX };

/* All of these: 0 or -ENOMEM; adding what is there already is no error. */
int prefix_set_add(struct prefix_set *set, const struct prefix *prefix);
int prefix_set_append(struct prefix_set *set, const struct prefix *prefix); /* known to be new */
int prefix_set_add_all(struct prefix_set *set);                             /* 0.0.0.0/0 and ::/0 */
int service_set_add(struct service_set *set, __u8 proto, struct port_range range);
void prefix_set_sort(struct prefix_set *set); /* in prefix_cmp's order, each once */
int prefix_set_merge(struct prefix_set *to, const struct prefix_set *from);
int name_set_add(struct name_set *set, const char *name); /* a valid one */
int name_set_merge(struct name_set *to, const struct name_set *from);
int service_set_merge(struct service_set *to, const struct service_set *from);
/*
 * What the keys `ports` and `proto` mean together: entries of `from` with protocol 0 become
 * those of `protos` (enum policy_proto); the others name their own. from NULL: every port.
 */
int service_set_resolve(struct service_set *to, const struct service_set *from, int protos);

/* -ENOENT when it is not in the set. A range of services may cut existing ones in two. */
int prefix_set_del(struct prefix_set *set, const struct prefix *prefix);
int service_set_del(struct service_set *set, __u8 proto, struct port_range range);

bool prefix_set_is_all(const struct prefix_set *set);
bool service_covers(const struct service *service, __u8 proto, __u16 port);

bool name_set_has(const struct name_set *set, const char *name); /* this very text */
bool name_set_matches(const struct name_set *set, const char *ifname);
bool name_set_equal(const struct name_set *a, const struct name_set *b); /* in any order */

#endif
