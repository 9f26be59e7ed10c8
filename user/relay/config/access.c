/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of the access lists, and which list refuses a flow. */
#include "relay/config/access.h"

#include <string.h>

#include "lib/util.h"

const char *const access_names[ACCESS_MAX] = {
	[ACCESS_DENY] = "deny",
	[ACCESS_ALLOW] = "allow",
	[ACCESS_DENY_FROM] = "deny-from",
	[ACCESS_ALLOW_FROM] = "allow-from",
};

/*
 * Cuts "PREFIX:PORTS" in two, in place; *ret_ports is NULL if there are none. A
 * colon belongs to an IPv6 address unless brackets end before it or it is the only one.
 */
static int split_ports(char *item, char **ret_prefix, char **ret_ports)
{
	char *colon = strchr(item, ':');

	*ret_prefix = item;
	*ret_ports = NULL;
	if (item[0] == '[') {
		char *end = strchr(item, ']');

		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		*end = '\0';
		*ret_prefix = item + 1;
		*ret_ports = end[1] ? end + 2 : NULL;
	} else if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
		*ret_ports = colon + 1;
	}
	return 0;
}

static int add_everything(struct access_tree *tree, const struct port_range *range)
{
	struct prefix p = { .family = AF_INET };
	int err = access_tree_add(tree, &p, range);

	p.family = AF_INET6;
	return err ? err : access_tree_add(tree, &p, range);
}

static int add_entry(struct access_tree *tree, bool clients, const char *entry,
		     const char **ret_why)
{
	__cleanup_free char *copy = strdup(entry);
	struct port_range range = { 0 };
	char *text, *ports;
	struct prefix p;
	int err;

	*ret_why = "brackets are not closed";
	if (!copy)
		return -ENOMEM;
	if (split_ports(copy, &text, &ports))
		return -EINVAL;
	*ret_why = "clients have no ports here";
	if (ports && clients)
		return -EINVAL;
	if (ports && parse_port_range(ports, &range, ret_why))
		return -EINVAL;
	if (!strcmp(text, "all"))
		return add_everything(tree, &range);
	err = parse_prefix(text, &p, ret_why);
	if (err)
		return err;
	prefix_unmap(&p);
	return access_tree_add(tree, &p, &range);
}

int access_add_client(struct access_tree *tree, const char *entry, const char **ret_why)
{
	return add_entry(tree, true, entry, ret_why);
}

int access_add_destination(struct access_tree *tree, const char *entry, const char **ret_why)
{
	return add_entry(tree, false, entry, ret_why);
}

int access_add(struct access *access, enum access_id id, const char *entry, const char **ret_why)
{
	bool clients = id == ACCESS_DENY_FROM || id == ACCESS_ALLOW_FROM;

	return add_entry(&access->trees[id], clients, entry, ret_why);
}

const char *access_check(const struct access *access, const union saddr *client,
			 const union saddr *dst)
{
	const struct access_tree *trees = access->trees;

	if (access_tree_has(&trees[ACCESS_DENY_FROM], client))
		return access_names[ACCESS_DENY_FROM];
	if (access_tree_has(&trees[ACCESS_DENY], dst))
		return access_names[ACCESS_DENY];
	if (access->given[ACCESS_ALLOW_FROM] && !access_tree_has(&trees[ACCESS_ALLOW_FROM], client))
		return access_names[ACCESS_ALLOW_FROM];
	if (access->given[ACCESS_ALLOW] && !access_tree_has(&trees[ACCESS_ALLOW], dst))
		return access_names[ACCESS_ALLOW];
	return NULL;
}

void access_free(struct access *access)
{
	for (int id = 0; id < ACCESS_MAX; id++)
		access_tree_free(&access->trees[id]);
}
