/* SPDX-License-Identifier: BSD-2-Clause */
/* [pool NAME]: addresses of this host, each mapped to one of a server. */
#include <string.h>

#include "lib/line.h"
#include "lib/parse.h"
#include "policy/config/reading.h"

static int begin(struct reading *r, const char *name, bool *ret_begun)
{
	struct config *c = r->config;
	int err;

	for (size_t i = 0; i < c->n_pools; i++) {
		if (strcmp(c->pools[i].name, name))
			continue;
		fail(r, "[pool %s]: there is a pool of that name already", name);
		return 0;
	}
	err = array_room((void **)&c->pools, c->n_pools, &c->pools_room, sizeof(*c->pools));
	if (err)
		return err;
	c->pools[c->n_pools] = (struct config_pool){ 0 };
	snprintf(c->pools[c->n_pools++].name, sizeof(c->pools->name), "%s", name);
	*ret_begun = true;
	return 0;
}

/* An address has one server. A server is not an address of a pool itself. */
static bool entry_is_usable(struct reading *r, const char *text,
			    const struct config_pool_entry *entry)
{
	const struct config *c = r->config;
	bool chained = endpoint_equal(&entry->address, &entry->server);
	size_t entries = 0;

	for (size_t i = 0; i < c->n_pools; i++) {
		const struct config_pool *pool = &c->pools[i];

		entries += pool->n;
		for (size_t j = 0; j < pool->n; j++) {
			if (endpoint_equal(&pool->items[j].address, &entry->address)) {
				fail(r, "%.160s: has a server already, in [pool %s]", text,
				     pool->name);
				return false;
			}
			chained |= endpoint_equal(&pool->items[j].address, &entry->server) ||
				   endpoint_equal(&pool->items[j].server, &entry->address);
		}
	}
	if (chained)
		fail(r, "%.160s: the server is an address of a pool itself", text);
	if (entries == TPROXY_MAX_POOL_ENTRIES)
		fail(r, "%.160s: more than %d addresses of pools", text, TPROXY_MAX_POOL_ENTRIES);
	return !chained && entries < TPROXY_MAX_POOL_ENTRIES;
}

static int add_entry(struct reading *r, const char *text)
{
	struct config_pool *pool = &r->config->pools[r->config->n_pools - 1];
	struct config_pool_entry entry = { 0 };
	const char *why;
	int err;

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

/* The line is an entry as a whole. Here '#' begins a comment everywhere, and so does ';'. */
static int take(struct reading *r, const struct ini_line *line)
{
	__cleanup_free char *text = strndup(line->text, strcspn(line->text, ";#"));

	if (!text)
		return -ENOMEM;
	return add_entry(r, line_trim(text));
}

const struct config_section config_pool_section = { .kind = "pool",
						    .named = true,
						    .begin = begin,
						    .take = take };
