/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may reach what: allow and deny lists of clients and of destinations, as
 * prefix trees. Built once from text, then only read, so that all workers share
 * one. Pure but for reading list files; must not log or count.
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

/* The keys of the lists, also the reasons in the log: "deny", "allow" … */
extern const char *const access_names[ACCESS_MAX];

struct access_node;
struct access_ports;

/*
 * One path-compressed binary tree for each family. Nodes refer to each other by
 * index + 1 (0: none), for the arrays move while they grow.
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
	bool given[ACCESS_MAX]; /* an allow list whose file is empty allows nothing */
};

/* prefix: host bits are zero. range 0–0: every port. 0 or -ENOMEM. */
int access_tree_add(struct access_tree *tree, const struct prefix *prefix,
		    const struct port_range *range);

/* addr: not IPv4-mapped, see saddr_from. */
bool access_tree_has(const struct access_tree *tree, const union saddr *addr);
void access_tree_free(struct access_tree *tree);

/*
 * Adds entries separated by blanks or commas: PREFIX, "all", @FILE with one entry a line,
 * and in lists of destinations also PREFIX:PORTS, [PREFIX6]:PORTS, all:PORTS. A relative
 * FILE is looked for beside the file that names it, `from`; NULL: where we are. 0 or
 * -errno; *ret_why lives until the next call.
 */
int access_add(struct access *access, enum access_id id, const char *from, const char *text,
	       const char **ret_why);

/* The name of the list that refuses the flow, or NULL. A deny list wins over an allow list. */
const char *access_check(const struct access *access, const union saddr *client,
			 const union saddr *dst);

void access_free(struct access *access);

#endif
