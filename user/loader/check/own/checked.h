/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the pins say of own traffic: its settings, and its maps and programs by name. Reads only;
 * knows no problem.
 */
#ifndef TPROXY_LOADER_CHECK_OWN_CHECKED_H
#define TPROXY_LOADER_CHECK_OWN_CHECKED_H

#include "loader/check/tools/checkup.h"
#include "tproxy_own.h"

struct own_checked {
	const struct checked_iface *lo;
	struct tproxy_own config;
};

/* False: own traffic is not attached, or not checked in this run, or its settings are gone. */
bool own_checked_read(struct checkup *c, struct own_checked *ret_checked);

/* A descriptor of what is pinned, or -errno: "internal/own_config", "links/own_connect4". */
int own_checked_open(const struct checkup *c, const char *pin);

#endif
