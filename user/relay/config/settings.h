/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the configuration that SIGHUP re-reads: lists, limits and pools. Never
 * changed once it is published: a new one takes its place, and the last worker
 * that lets go of the old one frees it.
 */
#ifndef TPROXY_RELAY_CONFIG_SETTINGS_H
#define TPROXY_RELAY_CONFIG_SETTINGS_H

#include <stdatomic.h>

#include "relay/config/access.h"
#include "relay/config/limit_values.h"
#include "relay/config/poolmap.h"

struct settings {
	_Atomic unsigned int users;
	struct access access;
	struct poolmap pools;
	struct limit_values limits;
};

/* With one user. NULL: no memory. */
struct settings *settings_new(void);

struct settings *settings_ref(struct settings *s);

/* s may be NULL. */
void settings_unref(struct settings *s);

/* One key each, as struct options has them. 0, or -errno with *ret_why saying what is wrong. */
struct options;
/* clang-format off */
#define SETTINGS_KEYS(X)                                                                           \
	X(allow) X(deny) X(allow_from) X(deny_from) X(max_flows) X(max_flows_per_source)           \
	X(flow_rate) X(flow_rate_per_source) X(source_prefix6) X(bandwidth)
/* clang-format on */
#define X(name) int settings_set_##name(struct options *o, const char *value, const char **ret_why);
SETTINGS_KEYS(X)
#undef X

#endif
