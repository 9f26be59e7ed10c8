/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools: addresses and ports of this host that stand for those of a server. Says only
 * what stands for what; whether a flow may go there is decided elsewhere.
 */
#ifndef TPROXY_RELAY_CONFIG_POOLMAP_H
#define TPROXY_RELAY_CONFIG_POOLMAP_H

#include <stddef.h>

#include "lib/parse.h"
#include "relay/net/addr.h"

struct poolmap_entry {
	union saddr address, server;
};

struct poolmap {
	struct poolmap_entry *items; /* owned; sorted by address */
	size_t n;
};

/* -EEXIST: the address stands for a server already; -E2BIG, -ENOMEM. */
int poolmap_add(struct poolmap *map, const struct endpoint *address, const struct endpoint *server);

/* The server that dst stands for, or NULL. Valid until the next poolmap_add. */
const union saddr *poolmap_find(const struct poolmap *map, const union saddr *dst);

void poolmap_free(struct poolmap *map);

#endif
