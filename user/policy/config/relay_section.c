/* SPDX-License-Identifier: BSD-2-Clause */
/* [relay] and [pool NAME]: the sections that the relay reads as well. */
#include <string.h>

#include "policy/config/reading.h"
#include "lib/util.h"

static int keep_relay_line(struct reading *r, const char *key, const char *value)
{
	struct config *c = r->config;
	char *copy = strdup(key), *text = strdup(value);
	int err = copy && text ? 0 : -ENOMEM;

	if (!err)
		err = array_room((void **)&c->relay, c->n_relay, &c->relay_room, sizeof(*c->relay));
	if (err) {
		free(copy);
		free(text);
		return err;
	}
	c->relay[c->n_relay++] = (struct config_line){ copy, text, r->continued };
	return 0;
}

static bool has_relay_key(const struct config *c, const char *key)
{
	for (size_t i = 0; i < c->n_relay; i++)
		if (!strcmp(c->relay[i].key, key))
			return true;
	return false;
}

int config_take_relay(struct reading *r, const char *key, const char *value)
{
	const struct config_relay *relay = r->place.reader->relay;
	const char *why = "given twice";
	int err = 0;

	if (relay && !relay->is_list(key) && (r->continued || has_relay_key(r->config, key)))
		err = -EEXIST;
	else if (relay)
		err = relay->set(relay->arg, key, value, &why);
	if (err == -ENOMEM)
		return err;
	if (err)
		fail(r, "%.80s = %.160s: %s", key, relay->shown(key, value), why);
	return keep_relay_line(r, key, value);
}

static bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family && a->port == b->port &&
	       !memcmp(a->addr, b->addr, sizeof(a->addr));
}

/* An address stands for one server, and for none that is only an address of a pool itself. */
static bool entry_is_usable(struct reading *r, const char *text,
			    const struct config_pool_entry *entry)
{
	const struct config *c = r->config;
	bool chained = same_endpoint(&entry->address, &entry->server);
	size_t entries = 0;

	for (size_t i = 0; i < c->n_pools; i++) {
		const struct config_pool *pool = &c->pools[i];

		entries += pool->n;
		for (size_t j = 0; j < pool->n; j++) {
			if (same_endpoint(&pool->items[j].address, &entry->address)) {
				fail(r, "%.160s: stands for a server already, in [pool %s]", text,
				     pool->name);
				return false;
			}
			chained |= same_endpoint(&pool->items[j].address, &entry->server) ||
				   same_endpoint(&pool->items[j].server, &entry->address);
		}
	}
	if (chained)
		fail(r, "%.160s: the server is a pool's address itself", text);
	if (entries == TPROXY_MAX_POOL_ENTRIES)
		fail(r, "%.160s: more than %d addresses of pools", text, TPROXY_MAX_POOL_ENTRIES);
	return !chained && entries < TPROXY_MAX_POOL_ENTRIES;
}

/* libinih parts a line at ':' too, and an IPv6 address is full of them: from the line itself. */
int config_take_pool(struct reading *r)
{
	struct config *c = r->config;
	struct config_pool *pool = &c->pools[c->n_pools - 1];
	struct config_pool_entry entry = { 0 };
	const char *why, *text;
	int err;

	r->line[strcspn(r->line, ";#\r\n")] = '\0';
	text = r->line + strspn(r->line, " \t");
	if (parse_pool(text, &entry.address, &entry.server, &why)) {
		fail(r, "%.160s: %s", text, why);
		return 0;
	}
	if (!entry_is_usable(r, text, &entry))
		return 0;
	err = array_room((void **)&pool->items, pool->n, &pool->room, sizeof(*pool->items));
	if (!err)
		pool->items[pool->n++] = entry;
	return err;
}
