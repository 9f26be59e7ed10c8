/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of a configuration file: the policy of the loader and what belongs to it, pools, and
 * the keys of [relay] and [egress] as text. Must not know the syntax of the file (read.h has it),
 * nor the kernel: nothing is applied here.
 */
#ifndef TPROXY_POLICY_CONFIG_CONFIG_H
#define TPROXY_POLICY_CONFIG_CONFIG_H

#include <stdio.h>

#include "policy/policy.h"

#define CONFIG_LEARN_DEFAULT_S 2
#define CONFIG_LEARN_MAX_S 60 /* a flow that was quiet for longer is not left alone anyway */

struct config_zone {
	char name[TPROXY_NAME_LEN];
	struct name_set interfaces;
};

/* An address of this host, and the one of a server that it is mapped to. */
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
	bool continued; /* continues the previous line */
};

/* In the order of the file. */
struct config_lines {
	struct config_line *items;
	size_t n, room;
};

struct config_egress {
	char name[TPROXY_NAME_LEN];
	unsigned int line; /* of its header */
	struct config_lines lines;
};

/*
 * Sockets of this host that are bound to a device, which the routing of own traffic does not reach.
 */
enum config_own_bound { CONFIG_OWN_DIRECT, CONFIG_OWN_DENY, CONFIG_OWN_BOUND_MAX };
extern const char *const config_own_bound_names[CONFIG_OWN_BOUND_MAX];

/* All owned. */
struct config {
	struct name_set interfaces, divert; /* to attach; watch follows globs */
	__u32 mark, table;                  /* 0: not given */
	bool local;                         /* attach to the host's own traffic, too */
	bool has_local;                     /* it is given */
	__u32 own_mark, own_table;          /* of own traffic; 0: not given */
	enum config_own_bound own_bound;
	struct owner_set own_exclude;  /* cgroups that are always left alone, as paths or ids */
	unsigned int own_exclude_line; /* of the key */
	__u32 own_proxy_mark; /* sockets with exactly this mark are a proxy's; 0: not given */
	enum tproxy_on_down on_down; /* of rules that have none of their own */
	bool has_learn;
	unsigned int learn;                        /* seconds, see config_learn_seconds */
	struct policy policy;                      /* zones resolved, prefixes sorted */
	unsigned int rule_lines[TPROXY_MAX_RULES]; /* of their headers */
	struct config_zone *zones;
	size_t n_zones, zones_room;
	struct config_pool *pools;
	size_t n_pools, pools_room;
	bool has_relay;
	struct config_lines relay;
	struct config_egress *egresses;
	size_t n_egresses, egresses_room;
};

/* All bits of packet marks that this configuration needs. */
__u32 config_marks(const struct config *config);

/* Neither a rule nor an address of a pool. */
bool config_is_empty(const struct config *config);

/* How long to watch for older UDP flows; 0: not at all. */
unsigned int config_learn_seconds(const struct config *config);

/* Text that config_read turns into the same model; zones are written as their interfaces. */
int config_print(const struct config *config, FILE *out);
/* The same text, which the caller frees; NULL without memory. */
char *config_text(const struct config *config);

void config_free(struct config *config);
#define __cleanup_config __attribute__((cleanup(config_free)))

#endif
