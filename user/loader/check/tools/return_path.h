/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the proxy's answer reach the client, as far as the tables of this host show? For one
 * client: of the flow that `test` asks about, or of the latest one.
 */
#ifndef TPROXY_LOADER_CHECK_TOOLS_RETURN_PATH_H
#define TPROXY_LOADER_CHECK_TOOLS_RETURN_PATH_H

#include "loader/check/tools/checkup.h"

struct client {
	const struct checked_iface *iface; /* where its flow comes in */
	const char *rule;                  /* that takes it; NULL: unknown */
	__u8 classes;                      /* bit of the flow's enum tproxy_class */
	enum verdict dead_hop;             /* the verdict if the first hop does not answer */
	__u8 family;
	const __u8 *addr; /* 4 or 16 bytes */
};

/* Adds no-return-route, rp-filter or no-neighbour. True if it added one. */
bool return_path_check(struct checkup *c, const struct client *client);

#endif
