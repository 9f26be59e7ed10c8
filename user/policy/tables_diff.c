/* SPDX-License-Identifier: BSD-2-Clause */
/* The map edits between two sets of tables. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/util.h"
#include "policy/tables.h"

typedef int (*edit_fn)(const struct tables_edit *edit, void *arg);

const char *const tables_map_names[TABLES_MAP_MAX] = {
	[TABLES_DST4] = "dst4",   [TABLES_DST6] = "dst6",   [TABLES_SRC4] = "src4",
	[TABLES_SRC6] = "src6",   [TABLES_PORTS] = "ports", [TABLES_OWNERS] = "owners",
	[TABLES_RULES] = "rules",
};

/* ---- prefixes ----------------------------------------------------------- */

static int edit_prefix(const struct prefix_mask *entry, bool source, bool remove, edit_fn cb,
		       void *arg)
{
	struct tables_edit edit = { .remove = remove, .value_size = sizeof(tproxy_mask) };

	edit.value.mask = entry->mask;
	if (entry->prefix.family == OWNER_FAMILY) {
		edit.map = TABLES_OWNERS;
		edit.key_size = sizeof(edit.key.owner);
		owner_key(&entry->prefix, &edit.key.owner);
	} else if (entry->prefix.family == AF_INET) {
		edit.map = source ? TABLES_SRC4 : TABLES_DST4;
		edit.key_size = sizeof(edit.key.lpm4);
		edit.key.lpm4.prefixlen = entry->prefix.len;
		memcpy(edit.key.lpm4.addr, entry->prefix.addr, sizeof(edit.key.lpm4.addr));
	} else {
		edit.map = source ? TABLES_SRC6 : TABLES_DST6;
		edit.key_size = sizeof(edit.key.lpm6);
		edit.key.lpm6.prefixlen = entry->prefix.len;
		memcpy(edit.key.lpm6.addr, entry->prefix.addr, sizeof(edit.key.lpm6.addr));
	}
	return cb(&edit, arg);
}

/* Entries of `to` that are new or differ, most specific first. */
static int put_prefixes(const struct prefix_table *from, const struct prefix_table *to, bool source,
			edit_fn cb, void *arg)
{
	size_t i = from->n;
	int err = 0;

	for (size_t j = to->n; j-- > 0 && !err;) {
		const struct prefix_mask *entry = &to->items[j];

		while (i && prefix_cmp(&from->items[i - 1].prefix, &entry->prefix) > 0)
			i--;
		if (i && !prefix_cmp(&from->items[i - 1].prefix, &entry->prefix) &&
		    from->items[i - 1].mask == entry->mask)
			continue;
		err = edit_prefix(entry, source, false, cb, arg);
	}
	return err;
}

/* Entries that `to` does not have, widest first. */
static int remove_prefixes(const struct prefix_table *from, const struct prefix_table *to,
			   bool source, edit_fn cb, void *arg)
{
	size_t j = 0;
	int err = 0;

	for (size_t i = 0; i < from->n && !err; i++) {
		const struct prefix_mask *entry = &from->items[i];

		while (j < to->n && prefix_cmp(&to->items[j].prefix, &entry->prefix) < 0)
			j++;
		if (j == to->n || prefix_cmp(&to->items[j].prefix, &entry->prefix))
			err = edit_prefix(entry, source, true, cb, arg);
	}
	return err;
}

/*
 * In this order an address finds its old mask until it finds its new one. New entries are written
 * from the most specific to the widest, so that no address finds a wider one in between. Old ones
 * are removed from the widest to the most specific: an entry that goes is hidden by longer ones
 * until they go, and so never becomes the answer.
 */
static int diff_prefixes(const struct prefix_table *from, const struct prefix_table *to,
			 bool source, edit_fn cb, void *arg)
{
	int err = put_prefixes(from, to, source, cb, arg);

	return err ? err : remove_prefixes(from, to, source, cb, arg);
}

/* ---- ports and rules ---------------------------------------------------- */

static int edit_port(const struct port_mask *entry, bool remove, edit_fn cb, void *arg)
{
	struct tables_edit edit = {
		.map = TABLES_PORTS,
		.remove = remove,
		.key_size = sizeof(edit.key.port),
		.value_size = sizeof(edit.value.mask),
		.key.port = { .proto = entry->proto, .port = htons(entry->port) },
		.value.mask = entry->mask,
	};

	return cb(&edit, arg);
}

/*
 * Two entries answer for a port, its own and "every port", and a rule may move from one to the
 * other. So first bits are only added, and then only removed.
 */
static int add_port_bits(const struct port_table *from, const struct port_table *to, edit_fn cb,
			 void *arg)
{
	size_t i = 0;
	int err = 0;

	for (size_t j = 0; j < to->n && !err; j++) {
		struct port_mask both = to->items[j];
		bool known;

		while (i < from->n && port_mask_cmp(&from->items[i], &both) < 0)
			i++;
		known = i < from->n && !port_mask_cmp(&from->items[i], &both);
		both.mask |= known ? from->items[i].mask : 0;
		if (!known || both.mask != from->items[i].mask)
			err = edit_port(&both, false, cb, arg);
	}
	return err;
}

static int remove_port_bits(const struct port_table *from, const struct port_table *to, edit_fn cb,
			    void *arg)
{
	size_t j = 0;
	int err = 0;

	for (size_t i = 0; i < from->n && !err; i++) {
		const struct port_mask *entry = &from->items[i];

		while (j < to->n && port_mask_cmp(&to->items[j], entry) < 0)
			j++;
		if (j == to->n || port_mask_cmp(&to->items[j], entry))
			err = edit_port(entry, true, cb, arg);
		else if (entry->mask & ~to->items[j].mask)
			err = edit_port(&to->items[j], false, cb, arg);
	}
	return err;
}

static bool rule_differs(const struct tables *from, const struct tables *to, __u32 index)
{
	return memcmp(&from->rules[index], &to->rules[index], sizeof(from->rules[index])) != 0;
}

static int edit_rule(const struct tables *to, __u32 index, edit_fn cb, void *arg)
{
	const struct tables_edit edit = {
		.map = TABLES_RULES,
		.key_size = sizeof(edit.key.index),
		.value_size = sizeof(edit.value.rule),
		.key.index = index,
		.value.rule = to->rules[index],
	};

	return cb(&edit, arg);
}

/*
 * A removed rule is cleared before its ports and prefixes, and a new one is written after them.
 * So an interruption leaves no part that the data path takes for a rule.
 */
static int change_or_clear_rules(const struct tables *from, const struct tables *to, edit_fn cb,
				 void *arg)
{
	int err = 0;

	for (__u32 i = 0; i < TPROXY_MAX_RULES && !err; i++)
		if (tables_rule_is_used(&from->rules[i]) && rule_differs(from, to, i))
			err = edit_rule(to, i, cb, arg);
	return err;
}

static int add_rules(const struct tables *from, const struct tables *to, edit_fn cb, void *arg)
{
	int err = 0;

	for (__u32 i = 0; i < TPROXY_MAX_RULES && !err; i++)
		if (!tables_rule_is_used(&from->rules[i]) && rule_differs(from, to, i))
			err = edit_rule(to, i, cb, arg);
	return err;
}

int tables_diff(const struct tables *from, const struct tables *to, edit_fn cb, void *arg)
{
	int err = change_or_clear_rules(from, to, cb, arg);

	if (!err)
		err = add_port_bits(&from->ports, &to->ports, cb, arg);
	if (!err)
		err = remove_port_bits(&from->ports, &to->ports, cb, arg);
	if (!err)
		err = diff_prefixes(&from->owners, &to->owners, false, cb, arg);
	if (!err)
		err = diff_prefixes(&from->src, &to->src, true, cb, arg);
	if (!err)
		err = diff_prefixes(&from->dst, &to->dst, false, cb, arg);
	return err ? err : add_rules(from, to, cb, arg);
}
