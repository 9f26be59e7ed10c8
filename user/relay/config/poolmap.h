/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools: addresses and ports of this host, each mapped to one of a server. Must not decide
 * whether a flow may go there.
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

/* -EEXIST: the address has a server already; -E2BIG, -ENOMEM. */
int poolmap_add(struct poolmap *map, const struct endpoint *address, const struct endpoint *server);

/* The server that dst is mapped to, or NULL. Valid until the next poolmap_add. */
const union saddr *poolmap_find(const struct poolmap *map, const union saddr *dst);

void poolmap_free(struct poolmap *map);

#endif
