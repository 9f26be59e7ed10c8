/* SPDX-License-Identifier: BSD-2-Clause */
/* The prefix trees of the access lists. */
#include <string.h>

#include "lib/util.h"
#include "relay/config/access.h"

struct access_node {
	uint8_t addr[16];
	uint8_t len; /* bits of addr that count */
	uint32_t child[2];
	uint32_t ports; /* 0: no entry ends here, the node is only a fork */
};

struct access_ports {
	struct port_range range;
	uint32_t next;
};

static struct access_node *node_at(const struct access_tree *tree, uint32_t ref)
{
	return &tree->nodes[ref - 1];
}

static unsigned int bit_at(const uint8_t *addr, unsigned int n)
{
	return addr[n / 8] >> (7 - n % 8) & 1;
}

/* Number of leading bits that are equal, at most max. */
static unsigned int common_bits(const uint8_t *a, const uint8_t *b, unsigned int max)
{
	for (unsigned int i = 0; i * 8 < max; i++) {
		unsigned int differ = a[i] ^ b[i];
		unsigned int n;

		if (!differ)
			continue;
		n = i * 8 + (unsigned int)__builtin_clz(differ) - 24;
		return n < max ? n : max;
	}
	return max;
}

/* One entry needs two nodes at most. With room for them, adding cannot fail half-way. */
static int make_room(struct access_tree *tree)
{
	int err = array_room((void **)&tree->ports, tree->port_count, &tree->port_room,
			     sizeof(*tree->ports));

	if (!err)
		err = array_room((void **)&tree->nodes, tree->node_count + 1, &tree->node_room,
				 sizeof(*tree->nodes));
	return err;
}

static uint32_t node_new(struct access_tree *tree, const uint8_t *addr, unsigned int len)
{
	struct access_node *node = &tree->nodes[tree->node_count++];

	*node = (struct access_node){ .len = (uint8_t)len };
	memcpy(node->addr, addr, sizeof(node->addr));
	return (uint32_t)tree->node_count;
}

/* Puts a fork for the first `len` bits above node `ref`. */
static uint32_t node_split(struct access_tree *tree, uint32_t ref, unsigned int len)
{
	uint32_t fork = node_new(tree, node_at(tree, ref)->addr, len);

	node_at(tree, fork)->child[bit_at(node_at(tree, ref)->addr, len)] = ref;
	return fork;
}

/* Finds or makes the node of a prefix; link: the root of the tree. There is room. */
static uint32_t node_get(struct access_tree *tree, uint32_t *link, const struct prefix *p)
{
	for (;;) {
		struct access_node *node;
		unsigned int common;

		if (!*link)
			return *link = node_new(tree, p->addr, p->len);
		node = node_at(tree, *link);
		common = common_bits(node->addr, p->addr, node->len < p->len ? node->len : p->len);
		if (common < node->len) {
			*link = node_split(tree, *link, common);
			node = node_at(tree, *link);
		}
		if (common == p->len)
			return *link;
		link = &node->child[bit_at(p->addr, common)];
	}
}

int access_tree_add(struct access_tree *tree, const struct prefix *prefix,
		    const struct port_range *range)
{
	int err = make_room(tree);
	struct access_node *node;

	if (err)
		return err;
	node = node_at(tree, node_get(tree, prefix->family == AF_INET ? &tree->root4 : &tree->root6,
				      prefix));
	tree->ports[tree->port_count++] =
		(struct access_ports){ .range = *range, .next = node->ports };
	node->ports = (uint32_t)tree->port_count;
	return 0;
}

static bool ports_match(const struct access_tree *tree, uint32_t ref, uint16_t port)
{
	for (; ref; ref = tree->ports[ref - 1].next) {
		const struct port_range *range = &tree->ports[ref - 1].range;

		if (!range->first || (port >= range->first && port <= range->last))
			return true;
	}
	return false;
}

bool access_tree_has(const struct access_tree *tree, const union saddr *addr)
{
	bool v4 = addr->sa.sa_family == AF_INET;
	const uint8_t *bytes =
		v4 ? (const uint8_t *)&addr->v4.sin_addr : addr->v6.sin6_addr.s6_addr;
	unsigned int bits = v4 ? 32 : 128;
	uint32_t ref = v4 ? tree->root4 : tree->root6;

	while (ref) {
		const struct access_node *node = node_at(tree, ref);

		if (common_bits(node->addr, bytes, node->len) < node->len)
			return false;
		if (ports_match(tree, node->ports, saddr_port(addr)))
			return true;
		if (node->len == bits)
			return false;
		ref = node->child[bit_at(bytes, node->len)];
	}
	return false;
}

void access_tree_free(struct access_tree *tree)
{
	free(tree->nodes);
	free(tree->ports);
	memset(tree, 0, sizeof(*tree));
}
