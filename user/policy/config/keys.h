/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of keys, and kinds of values that several keys have. */
#ifndef TPROXY_POLICY_CONFIG_KEYS_H
#define TPROXY_POLICY_CONFIG_KEYS_H

#include "policy/config/reading.h"

struct config_key {
	const char *name; /* NULL ends the table */
	int (*take)(struct reading *r, const char *value);
	bool list; /* an indented line continues it */
};

/* All report what is wrong; 0 or -ENOMEM. */
int config_take_key(struct reading *r, const struct config_key *keys, const struct ini_line *line);

/* Names and globs of interfaces. */
int config_take_names(struct reading *r, const char *value, struct name_set *set);

/* The index of one of n names, or -EINVAL. */
int config_take_index(struct reading *r, const char *key, const char *value,
		      const char *const *names, size_t n);

#endif
