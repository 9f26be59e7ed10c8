/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys of section [relay], which are also the long options of the command line. Must not
 * know where a value comes from.
 */
#ifndef TPROXY_RELAY_CONFIG_KEYS_H
#define TPROXY_RELAY_CONFIG_KEYS_H

#include "relay/config/options.h"

/* Key number i that is an option, NULL after the last; lists are keys only. */
const char *keys_option(size_t i, bool *ret_has_value);

/* The value as messages may show it: without a password. */
const char *keys_shown(const char *key, const char *value);

/* Sets one key from text. 0, or -errno with *ret_why saying what is wrong; -ENOENT: no such key. */
int keys_set(struct options *o, const char *key, const char *value, const char **ret_why);

/* The text of --help. */
extern const char keys_help[];

#endif
