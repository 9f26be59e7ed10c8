/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration file while it is read: what its sections share. */
#ifndef TPROXY_POLICY_CONFIG_READING_H
#define TPROXY_POLICY_CONFIG_READING_H

#include "lib/ini.h"
#include "policy/config/config.h"
#include "policy/config/reader.h"

/* What a rule's section says so far: keys come in any order. */
struct config_draft {
	int index;
	unsigned int line;
	bool has_to, has_from, has_ports, has_on_down, has_proxy, has_place;
	int protos;               /* enum policy_proto; 0: not said */
	struct service_set ports; /* protocol 0: of `proto` */
};

/* A zone that a rule names, looked up after the whole file. */
struct config_zone_use {
	int rule;
	unsigned int line;
	char name[TPROXY_NAME_LEN];
};

struct reading {
	const struct config_reader *reader;
	struct config_place place;
	struct config *config;
	const struct config_section *section; /* NULL: none yet, or one that was refused */
	bool seen_section;
	unsigned int seen; /* keys of this section, by index in its table */
	bool seen_loader;
	unsigned int loader_line, relay_line;
	struct config_draft draft;
	struct config_zone_use *uses;
	size_t n_uses, uses_room;
	bool default_reset[TPROXY_MAX_RULES]; /* rule takes [loader]'s on-proxy-down */
};

/* Functions report what is wrong and return 0, or -ENOMEM. */
struct config_section {
	const char *kind;
	bool named; /* [KIND NAME], not [KIND] */
	/* *ret_begun: false if its lines are to be skipped. */
	int (*begin)(struct reading *r, const char *name, bool *ret_begun);
	int (*take)(struct reading *r, const struct ini_line *line);
	int (*end)(struct reading *r); /* NULL: nothing to do */
};

extern const struct config_section config_loader_section, config_rule_section, config_zone_section,
	config_pool_section, config_relay_section, config_egress_section;

#define fail(r, ...) config_error(&(r)->place, __VA_ARGS__)

#endif
