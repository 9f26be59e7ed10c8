/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rule that takes a flow now: what the data path would decide for it, asked of the tables of
 * the live policy. Reads the maps once, then the kernel only for the interface of a client, and
 * only if interfaces have different rules. Must not print.
 */
#ifndef TPROXY_LOADER_FLOWS_NAMING_H
#define TPROXY_LOADER_FLOWS_NAMING_H

#include "kernel/maps/pools.h"
#include "lib/flows/list.h"
#include "loader/app/session.h"

#define NAMING_CACHE 4096 /* clients */

struct naming_client {
	struct flows_address address; /* family 0: unused */
	tproxy_mask mask;
};

struct naming {
	struct tables tables;
	struct pool_table pools;
	struct iface_entry *ifaces; /* with rules */
	size_t n_ifaces;
	tproxy_mask all; /* of all interfaces */
	bool same;       /* each has all of these */
	struct flow_rule rules[TPROXY_MAX_RULES];
	struct flow_rule *from_pools; /* as pools.items */
	struct naming_client cache[NAMING_CACHE];
};

/* 0 or -errno; naming_close in any case. */
int naming_open(struct naming *naming, const struct session *session);

/* Names the rule or the pool of each flow of a relay. Valid until naming_close. */
void naming_apply(struct naming *naming, struct session *session, struct flow_list *list);
void naming_close(struct naming *naming);

#endif
