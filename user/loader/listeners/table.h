/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets that flows can be given to: those of the socket map, those that rules find by port,
 * and adopted ones. With it what rules miss. Reads only.
 */
#ifndef TPROXY_LOADER_LISTENERS_TABLE_H
#define TPROXY_LOADER_LISTENERS_TABLE_H

#include "kernel/adopt/records.h"
#include "loader/app/session.h"
#include "loader/check/tools/listening.h"

#define NO_GROUP UINT32_MAX

struct listener_row {
	const struct listener *listener; /* of the table's `listening` */
	struct holder holder;            /* pid 0: unknown */
	__u32 group;                     /* of the socket map, 0: the relay's; or NO_GROUP */
	__u32 ways;                      /* how many slots of the group it has */
	tproxy_mask rules;               /* that give it flows */
	bool adopted;
	enum found found; /* the worst of its rules */
};

/* Flows of a rule that nobody takes, or not rightly. */
struct listener_gap {
	int rule;
	enum tproxy_class cls;
	enum found found;
};

struct listener_table {
	struct listening listening;
	struct records records;
	struct policy policy;
	struct listener_row *rows; /* owned */
	size_t n, room;
	struct listener_gap gaps[TPROXY_MAX_RULES * TPROXY_CLASS_MAX];
	size_t n_gaps;
};

/* 0 or -errno; close it either way. */
int listener_table_read(const struct session *session, struct listener_table *table);
void listener_table_close(struct listener_table *table);
#define __cleanup_listener_table __attribute__((cleanup(listener_table_close)))

/* "tcp 10.0.0.1:80", … The command `listeners`; return an enum exit_code. */
void listener_table_print(const struct listener_table *table, const struct state *state);
int listener_table_print_json(const struct listener_table *table, const struct state *state);

#endif
