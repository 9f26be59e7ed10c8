/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are the addresses of pools delivered to this host? A pool is served where packets arrive for this
 * host; those to another address are forwarded.
 */
#include <string.h>

#include "kernel/maps/pools.h"
#include "kernel/routing/return_route.h"
#include "lib/mapped.h"
#include "loader/check/list.h"

#define MAX_ENTRIES 4096 /* that are looked at */
#define MAX_REPORTS 8

/* Where it cannot be asked, it counts as delivered. */
static bool is_delivered(struct checkup *c, const struct endpoint *address)
{
	const struct return_route_query query = { .family = address->family,
						  .addr = address->addr };
	struct return_route route;
	int err = return_route_find(&c->session->nl, &query, &route);

	return err ? err != -ENETUNREACH && err != -EHOSTUNREACH : route.own;
}

static void report(struct checkup *c, const struct pool_entry *entry,
		   const struct endpoint *address)
{
	struct problem *p =
		problem_add(&c->problems, "pool-not-local", VERDICT_DEGRADED, NULL, NULL);
	struct prefix prefix = { .family = address->family,
				 .len = address->family == AF_INET ? 32 : 128 };
	char text[POOL_TEXT_LEN], where[PREFIX_TEXT_LEN];

	memcpy(prefix.addr, address->addr, sizeof(prefix.addr));
	problem_text(p,
		     "pool %s: this host forwards packets to that address, so that nobody takes "
		     "its flows",
		     pool_format(entry, text));
	problem_next(p, "ip -%c route add local %s dev lo", address->family == AF_INET ? '4' : '6',
		     prefix_format(&prefix, where));
}

void check_pool_addresses(struct checkup *c)
{
	struct pool_table pools __cleanup_pools = { 0 };
	unsigned int reports = 0;
	int err = pools_read(&c->session->state, &pools);

	if (err) {
		checkup_unchecked(c, "pools cannot be read: %s", strerror(-err));
		return;
	}
	for (size_t i = 0; i < pools.n && i < MAX_ENTRIES && reports < MAX_REPORTS; i++) {
		struct endpoint address = { .port = 0 };

		address.family = mapped_to(pools.items[i].key.addr, address.addr);
		if (is_delivered(c, &address))
			continue;
		report(c, &pools.items[i], &address);
		reports++;
	}
	if (pools.n && !reports)
		checkup_evidence(c, "%zu addresses of pools", pools.n);
}
