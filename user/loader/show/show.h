/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules and pools as text and as JSON. Reads the state, never changes it. */
#ifndef TPROXY_LOADER_SHOW_SHOW_H
#define TPROXY_LOADER_SHOW_SHOW_H

#include <json-c/json.h>

#include "kernel/maps/policy_maps.h"
#include "kernel/maps/pools.h"

/* A JSON object that starts with "schema": 1. */
struct json_object *show_json_root(void);
/* Prints it on stdout and drops the reference. Returns an enum exit_code. */
int show_json_print(struct json_object *root);

/* [{index, name, action, …, flows, packets, bytes, last_minute: {started, delivered}}, …] */
struct json_object *show_rules_json(const struct state *state, const struct policy *policy);
void show_rules_text(const struct state *state, const struct policy *policy, const char *indent);

/* [{pool, value}, …]; as text, nothing without pools. */
struct json_object *show_pools_json(const struct pool_table *pools);
void show_pools_text(const struct pool_table *pools);

#endif
