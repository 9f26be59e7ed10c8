/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/pools.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/mapped.h"

/* ---- one entry ---------------------------------------------------------- */

static struct endpoint unmap_address(const __u8 *addr, __be16 port)
{
	struct endpoint ep = { .port = ntohs(port) };

	ep.family = mapped_to(addr, ep.addr);
	return ep;
}

char *pool_format(const struct pool_entry *entry, char *buf)
{
	const struct endpoint from = unmap_address(entry->key.addr, entry->key.port);
	const struct endpoint to = unmap_address(entry->value.server, entry->value.port);
	char address[PROXY_TEXT_LEN], server[PROXY_TEXT_LEN];

	snprintf(buf, POOL_TEXT_LEN, "%s = %s", proxy_format(&from, address),
		 proxy_format(&to, server));
	return buf;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct tproxy_pool_key));
}

/* ---- the table ---------------------------------------------------------- */

static int append(struct pool_table *table, const struct pool_entry *entry)
{
	int err = array_room((void **)&table->items, table->n, &table->room, sizeof(*table->items));

	if (!err)
		table->items[table->n++] = *entry;
	return err;
}

static void sort(struct pool_table *table)
{
	if (table->n)
		qsort(table->items, table->n, sizeof(*table->items), by_key);
}

static int compile_pool(const struct config_pool *pool, struct pool_table *table)
{
	int err = 0;

	for (size_t i = 0; i < pool->n && !err; i++) {
		const struct config_pool_entry *from = &pool->items[i];
		struct pool_entry entry = { .key.port = htons(from->address.port),
					    .value.port = htons(from->server.port) };

		mapped_from(from->address.family, from->address.addr, entry.key.addr);
		mapped_from(from->server.family, from->server.addr, entry.value.server);
		snprintf((char *)entry.value.name, sizeof(entry.value.name), "%s", pool->name);
		err = append(table, &entry);
	}
	return err;
}

int pools_compile(const struct config *config, struct pool_table *ret_table)
{
	struct pool_table table __cleanup_pools = { 0 };
	int err = 0;

	for (size_t i = 0; i < config->n_pools && !err; i++)
		err = compile_pool(&config->pools[i], &table);
	if (err)
		return err;
	sort(&table);
	*ret_table = table;
	table = (struct pool_table){ 0 };
	return 0;
}

void pools_diff(const struct pool_table *from, const struct pool_table *to, pools_diff_fn fn,
		void *arg)
{
	size_t i = 0, j = 0;

	while (i < from->n || j < to->n) {
		int order = i == from->n ? 1 :
			    j == to->n   ? -1 :
					   by_key(&from->items[i], &to->items[j]);
		bool same = !order && !memcmp(&from->items[i].value, &to->items[j].value,
					      sizeof(from->items[i].value));

		if (order <= 0 && !same)
			fn(&from->items[i], true, arg);
		if (order >= 0 && !same)
			fn(&to->items[j], false, arg);
		i += order <= 0;
		j += order >= 0;
	}
}

void pools_free(struct pool_table *table)
{
	free(table->items);
	*table = (struct pool_table){ 0 };
}

/* ---- the map ------------------------------------------------------------ */

int pools_read(const struct state *state, struct pool_table *ret_table)
{
	struct pool_table table __cleanup_pools = { 0 };
	struct pool_entry entry;
	struct tproxy_pool_key *prev = NULL;
	int fd = state->map[MAP_POOLS];

	while (!bpf_map_get_next_key(fd, prev, &entry.key)) {
		int err;

		prev = &entry.key;
		if (bpf_map_lookup_elem(fd, &entry.key, &entry.value))
			continue;
		entry.value.name[sizeof(entry.value.name) - 1] = '\0';
		err = append(&table, &entry);
		if (err)
			return err;
	}
	if (errno != ENOENT)
		return -errno;
	sort(&table);
	*ret_table = table;
	table = (struct pool_table){ 0 };
	return 0;
}

int pools_fill(const struct state *state, const struct pool_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		if (bpf_map_update_elem(state->map[MAP_POOLS], &table->items[i].key,
					&table->items[i].value, BPF_ANY))
			return -errno;
	return 0;
}

bool pools_have(const struct state *state, const struct endpoint *address)
{
	struct tproxy_pool_key key = { .port = htons(address->port) };
	struct tproxy_pool value;

	mapped_from(address->family, address->addr, key.addr);
	return !bpf_map_lookup_elem(state->map[MAP_POOLS], &key, &value);
}

/* ---- back into a configuration ------------------------------------------ */

static void drop_pools(struct config *config)
{
	for (size_t i = 0; i < config->n_pools; i++)
		free(config->pools[i].items);
	config->n_pools = 0;
}

static int find_pool(struct config *config, const char *name, struct config_pool **ret_pool)
{
	int err;

	for (size_t i = 0; i < config->n_pools; i++) {
		*ret_pool = &config->pools[i];
		if (!strcmp(config->pools[i].name, name))
			return 0;
	}
	err = array_room((void **)&config->pools, config->n_pools, &config->pools_room,
			 sizeof(*config->pools));
	if (err)
		return err;
	*ret_pool = &config->pools[config->n_pools++];
	**ret_pool = (struct config_pool){ 0 };
	snprintf((*ret_pool)->name, sizeof((*ret_pool)->name), "%s", name);
	return 0;
}

int pools_to_config(const struct pool_table *table, struct config *config)
{
	struct config_pool *pool = NULL;
	int err = 0;

	drop_pools(config);
	for (size_t i = 0; i < table->n && !err; i++) {
		const struct pool_entry *entry = &table->items[i];

		err = find_pool(config, (const char *)entry->value.name, &pool);
		if (!err)
			err = array_room((void **)&pool->items, pool->n, &pool->room,
					 sizeof(*pool->items));
		if (!err)
			pool->items[pool->n++] = (struct config_pool_entry){
				.address = unmap_address(entry->key.addr, entry->key.port),
				.server = unmap_address(entry->value.server, entry->value.port),
			};
	}
	return err;
}
