/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the configuration that SIGHUP reads again: lists, limits, pools, and how flows leave. Settings do
 * not change once they are published: new ones replace them, and the last worker that releases
 * the old ones frees them. Owns the keys of lists and limits; must not know the other options.
 */
#ifndef TPROXY_RELAY_CONFIG_SETTINGS_H
#define TPROXY_RELAY_CONFIG_SETTINGS_H

#include <stdatomic.h>

#include "relay/config/access.h"
#include "relay/config/egress.h"
#include "relay/config/limit_values.h"
#include "relay/config/poolmap.h"

struct settings {
	_Atomic unsigned int users;
	struct access access;
	struct poolmap pools;
	struct egress_list egress;
	struct limit_values limits;
};

/* With one user. NULL: no memory. */
struct settings *settings_new(void);

struct settings *settings_ref(struct settings *s);

/* s may be NULL. */
void settings_unref(struct settings *s);

/* Name of key number i that is a limit, or NULL after the last. */
const char *settings_limit_name(size_t i);

/* The key is one of the lists, which may be given several times: they add up. */
bool settings_is_list(const char *key);

/*
 * Sets one key from text. Of a list the entries follow. 0, or -errno with *ret_why saying what
 * is wrong; -ENOENT: no such key.
 */
int settings_set(struct settings *s, const char *key, const char *value, const char **ret_why);

/* Adds one entry to a list, as access_add takes it. */
int settings_add(struct settings *s, const char *key, const char *entry, const char **ret_why);

#endif
