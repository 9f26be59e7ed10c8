/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools in the form of map entries: compiles those of a configuration, reads and fills the map of
 * a generation, compares, and turns entries back into a configuration.
 */
#ifndef TPROXY_KERNEL_MAPS_POOLS_H
#define TPROXY_KERNEL_MAPS_POOLS_H

#include "kernel/state/state.h"
#include "policy/config/config.h"

struct pool_entry {
	struct tproxy_pool_key key;
	struct tproxy_pool value;
};

struct pool_table {
	struct pool_entry *items; /* owned; sorted by key */
	size_t n, room;
};

int pools_compile(const struct config *config, struct pool_table *ret_table);
int pools_read(const struct state *state, struct pool_table *ret_table);
/* Is this address and port an entry of a pool? */
bool pools_have(const struct state *state, const struct endpoint *address);
/* Into the empty map of a new generation. */
int pools_fill(const struct state *state, const struct pool_table *table);
/* Replaces those of a configuration. */
int pools_to_config(const struct pool_table *table, struct config *config);

/*
 * Calls fn for each entry that only `from` has (gone) or only `to` has; for one with another
 * server, twice.
 */
typedef void (*pools_diff_fn)(const struct pool_entry *entry, bool gone, void *arg);
void pools_diff(const struct pool_table *from, const struct pool_table *to, pools_diff_fn fn,
		void *arg);

/* "ADDRESS:PORT = SERVER:PORT"; buf: POOL_TEXT_LEN bytes. */
#define POOL_TEXT_LEN (2 * PROXY_TEXT_LEN + 4)
char *pool_format(const struct pool_entry *entry, char *buf);

void pools_free(struct pool_table *table);
#define __cleanup_pools __attribute__((cleanup(pools_free)))

#endif
