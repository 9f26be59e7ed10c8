/* SPDX-License-Identifier: BSD-2-Clause */
/* What is adopted, and where SO_ORIGINAL_DST is answered: as text and as JSON. Changes nothing. */
#ifndef TPROXY_LOADER_SHOW_ADOPTED_H
#define TPROXY_LOADER_SHOW_ADOPTED_H

#include <json-c/json.h>

#include "kernel/adopt/records.h"

/* [{program, exe, uid, pid, protocol, port, sockets, cgroup}, …] */
struct json_object *adopted_json(const struct records *records);
/* [{cgroup, id, adopted, attached}, …] */
struct json_object *shims_json(const struct state *state);

/* Each with a heading, and nothing where there is none. */
void adopted_print(const struct records *records);
void shims_print(const struct state *state);

/* Comments for a file of the policy, which cannot name running processes. */
void adopted_print_comments(const struct state *state);

/* The command `adopt --list`. An enum exit_code. */
int adopted_show(const struct state *state, bool json);

#endif
