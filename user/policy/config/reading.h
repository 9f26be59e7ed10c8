/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration file being read: shared by its lines (config.c) and its keys (config_keys.c). */
#ifndef TPROXY_POLICY_CONFIG_READING_H
#define TPROXY_POLICY_CONFIG_READING_H

#include "policy/config/list.h"

enum section {
	SECTION_NONE, /* before the first header, or under a refused one: keys are skipped */
	SECTION_LOADER,
	SECTION_RULE,
	SECTION_RELAY,
	SECTION_POOL,
	SECTION_ZONE,
};

/* What a rule's section says so far: keys come in any order. */
struct draft {
	int index;
	unsigned int line;
	bool has_to, has_from, has_ports, has_on_down, has_proxy;
	int protos;               /* enum policy_proto; 0: not said */
	struct service_set ports; /* protocol 0: of `proto` */
};

/* A rule's zones, looked up once the whole file is read. */
struct zone_use {
	int rule;
	unsigned int line;
	char name[TPROXY_NAME_LEN];
};

struct reading {
	struct config_place place;
	struct config *config;
	FILE *in;
	char *line; /* as it stands in the file, for what libinih would split otherwise */
	size_t room;
	bool expects_key, got_key, continued, skipping;
	enum section section;
	unsigned int seen; /* keys of this section, by place in its table */
	bool seen_loader;
	unsigned int relay_line;
	struct draft draft;
	struct zone_use *uses;
	size_t n_uses, uses_room;
	bool default_reset[TPROXY_MAX_RULES]; /* rule takes [loader]'s on-proxy-down */
	int err;
};

#define fail(r, ...) config_error(&(r)->place, __VA_ARGS__)

/*
 * One KEY = VALUE of the section being read; a line that goes on with a list comes
 * under the same key. Reports what is wrong with it. 0 or -ENOMEM.
 */
int config_take_loader(struct reading *r, const char *key, const char *value);
int config_take_rule(struct reading *r, const char *key, const char *value);
int config_take_zone(struct reading *r, const char *key, const char *value);
int config_take_relay(struct reading *r, const char *key, const char *value);
int config_take_pool(struct reading *r);
/* Fills in what a rule's section did not say. */
int config_finish_rule(struct reading *r);

#endif
