/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file: text to model and back, for the loader and for the relay. The
 * loader's sections become a policy and what belongs to it; the keys of [relay] are
 * carried along, and given to whoever knows them. Does not know the kernel: nothing here
 * is applied.
 */
#ifndef TPROXY_POLICY_CONFIG_CONFIG_H
#define TPROXY_POLICY_CONFIG_CONFIG_H

#include <stdio.h>

#include "policy/policy.h"

#define CONFIG_LEARN_DEFAULT_S 2
#define CONFIG_LEARN_MAX_S 60 /* who was quiet for longer is not left alone anyway */

struct config_zone {
	char name[TPROXY_NAME_LEN];
	struct name_set interfaces;
};

/* A service of this host that stands for one of a server. */
struct config_pool_entry {
	struct endpoint address, server;
};

struct config_pool {
	char name[TPROXY_NAME_LEN];
	struct config_pool_entry *items;
	size_t n, room;
};

struct config_line {
	char *key, *value;
	bool continued; /* of the line before */
};

/* All owned. */
struct config {
	struct name_set interfaces, divert; /* to attach; globs are followed by watch */
	__u32 mark, table;                  /* 0: not said */
	enum tproxy_on_down on_down;        /* of rules that do not say */
	bool has_learn;
	unsigned int learn;                        /* seconds, see config_learn_seconds */
	struct policy policy;                      /* zones resolved, prefixes sorted */
	unsigned int rule_lines[TPROXY_MAX_RULES]; /* of their headers */
	struct config_zone *zones;
	size_t n_zones, zones_room;
	struct config_pool *pools;
	size_t n_pools, pools_room;
	bool has_relay;
	struct config_line *relay; /* as in the file */
	size_t n_relay, relay_room;
};

/* Who knows the keys of [relay]. */
struct config_relay {
	/* One key. 0, -ENOMEM, or another -errno with *ret_why saying what is wrong. */
	int (*set)(void *arg, const char *key, const char *value, const char **ret_why);
	/* May it be given several times, and over several lines? */
	bool (*is_list)(const char *key);
	/* The value as messages may have it. */
	const char *(*shown)(const char *key, const char *value);
	/* After all keys, if there is the section: 0, or -errno with a line in ret_why. May be NULL. */
	int (*finish)(void *arg, char *ret_why, size_t size);
	void *arg;
};

struct config_reader {
	const char *name; /* of the file, for messages and as the place of @FILE lists */
	bool no_lists;    /* refuse @FILE: the text comes from elsewhere */
	bool no_policy; /* [loader], [zone] and [rule]: only the headers, which say what follows */
	const struct config_relay *relay; /* NULL: [relay] is only carried along */
	/* Called for each error with one line: the offending text and what is wrong with it. */
	void (*error)(const char *file, unsigned int line, const char *text, void *arg);
	/* Likewise for what is allowed and does not do what it seems to; NULL: not wanted. */
	void (*warning)(const char *file, unsigned int line, const char *text, void *arg);
	void *arg;
};

/* Reads on after an error. 0, -EINVAL after reported errors, -ENOMEM. */
int config_read(const struct config_reader *reader, FILE *in, struct config *ret_config);

/* Neither a rule nor an address of a pool. */
bool config_is_empty(const struct config *config);

/* How long to watch for older UDP flows; 0: not at all. */
unsigned int config_learn_seconds(const struct config *config);

/* Text that config_read turns into the same model; zones are written as their interfaces. */
int config_print(const struct config *config, FILE *out);

void config_free(struct config *config);
#define __cleanup_config __attribute__((cleanup(config_free)))

#endif
