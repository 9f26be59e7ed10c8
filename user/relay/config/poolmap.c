/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools: a sorted array, searched by address and port. */
#include "relay/config/poolmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tproxy.h"

static int compare(const union saddr *a, const union saddr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return a->sa.sa_family < b->sa.sa_family ? -1 : 1;
	if (saddr_port(a) != saddr_port(b))
		return saddr_port(a) < saddr_port(b) ? -1 : 1;
	if (a->sa.sa_family == AF_INET)
		return memcmp(&a->v4.sin_addr, &b->v4.sin_addr, sizeof(a->v4.sin_addr));
	return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr));
}

/* Index of the first entry that is not before addr. */
static size_t lower_bound(const struct poolmap *map, const union saddr *addr)
{
	size_t low = 0, high = map->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (compare(&map->items[mid].address, addr) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const union saddr *poolmap_find(const struct poolmap *map, const union saddr *dst)
{
	size_t at;

	if (!map->n)
		return NULL;
	at = lower_bound(map, dst);
	if (at == map->n || compare(&map->items[at].address, dst))
		return NULL;
	return &map->items[at].server;
}

int poolmap_add(struct poolmap *map, const struct endpoint *address, const struct endpoint *server)
{
	struct poolmap_entry entry = { saddr_from_endpoint(address), saddr_from_endpoint(server) },
			     *items;
	size_t at;

	if (poolmap_find(map, &entry.address))
		return -EEXIST;
	if (map->n == TPROXY_MAX_POOL_ENTRIES)
		return -E2BIG;
	items = reallocarray(map->items, map->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	map->items = items;
	at = lower_bound(map, &entry.address);
	memmove(items + at + 1, items + at, (map->n - at) * sizeof(*items));
	items[at] = entry;
	map->n++;
	return 0;
}

void poolmap_free(struct poolmap *map)
{
	free(map->items);
	*map = (struct poolmap){ 0 };
}
