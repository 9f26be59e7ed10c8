/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may reach what: allow and deny lists of clients and of destinations, as
 * prefix trees. Built once from text, then only read, so that all workers share
 * one. Pure; must not log or count.
 */
#ifndef TPROXY_RELAY_CONFIG_ACCESS_H
#define TPROXY_RELAY_CONFIG_ACCESS_H

#include <stddef.h>

#include "lib/parse.h"
#include "relay/net/addr.h"

enum access_id {
	ACCESS_DENY,       /* destinations */
	ACCESS_ALLOW,      /* destinations; not given: all */
	ACCESS_DENY_FROM,  /* clients */
	ACCESS_ALLOW_FROM, /* clients; not given: all */
	ACCESS_MAX
};

/* The keys of the lists, which are also the reasons in the log: "deny", "allow" … */
extern const char *const access_names[ACCESS_MAX];

struct access_node;
struct access_ports;

/*
 * One path-compressed binary tree for each family. Nodes refer to each other by
 * index + 1 (0: none), because the arrays move while they grow.
 */
struct access_tree {
	struct access_node *nodes;
	size_t node_count, node_room;
	struct access_ports *ports;
	size_t port_count, port_room;
	uint32_t root4, root6;
};

struct access {
	struct access_tree trees[ACCESS_MAX];
	bool given[ACCESS_MAX]; /* set by the caller; a list that is given may have no entry */
};

/* prefix: host bits are zero. range 0–0: every port. 0 or -ENOMEM. */
int access_tree_add(struct access_tree *tree, const struct prefix *prefix,
		    const struct port_range *range);

/* addr: not IPv4-mapped, see saddr_from. */
bool access_tree_has(const struct access_tree *tree, const union saddr *addr);
void access_tree_free(struct access_tree *tree);

/*
 * Add one entry: PREFIX or "all", in lists of destinations also PREFIX:PORTS, [PREFIX6]:PORTS
 * and all:PORTS. 0 or -errno with *ret_why.
 */
int access_add_client(struct access_tree *tree, const char *entry, const char **ret_why);
int access_add_destination(struct access_tree *tree, const char *entry, const char **ret_why);
int access_add(struct access *access, enum access_id id, const char *entry, const char **ret_why);

/* The name of the list that refuses the flow, or NULL. A deny list wins over an allow list. */
const char *access_check(const struct access *access, const union saddr *client,
			 const union saddr *dst);

void access_free(struct access *access);

#endif
