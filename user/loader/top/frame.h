/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What top shows: the rows of each view, with rates from two samples. Owns its memory, and borrows
 * nothing of the samples. Pure; must not know how it is shown.
 */
#ifndef TPROXY_LOADER_TOP_FRAME_H
#define TPROXY_LOADER_TOP_FRAME_H

#include "loader/top/sample.h"

enum top_view { TOP_FLOWS, TOP_RULES, TOP_CLIENTS, TOP_VIEW_MAX };
extern const char *const top_view_names[TOP_VIEW_MAX];

enum top_order { TOP_BY_RATE, TOP_BY_BYTES, TOP_BY_FLOWS, TOP_BY_NAME, TOP_ORDER_MAX };
/* In the view of flows, TOP_BY_FLOWS is by age. */
const char *top_order_name(enum top_view view, enum top_order order);

#define TOP_NAME_LEN (TPROXY_NAME_LEN + 8) /* "pool NAME" */

/* What the data path counted for a rule, a second. */
struct top_counts {
	double flows, packets, bytes;
};

/* A row of any view; fields that the view lacks are 0. */
struct top_row {
	struct flows_record record; /* of a flow; of a client only `client` */
	char relay[FLOWS_RELAY_LEN];
	bool forwarded; /* an audited flow: no relay has it */
	bool ruled;     /* `rule` is known, or known to be none: "-" */
	bool pool;      /* `rule` is the name of a pool */
	int index;      /* of the rule, or -1 */
	char rule[TOP_NAME_LEN];
	const char *action;                                /* of the rule; "" */
	uint64_t flows;                                    /* open ones */
	uint64_t bytes_up, bytes_down, rate_up, rate_down; /* of these; bytes, bytes a second */
	struct tproxy_rulestat stat;                       /* since the rule exists */
	struct top_counts counts;
};

struct top_rows {
	struct top_row *items;
	size_t n;
};

struct top_frame {
	struct timespec at;   /* CLOCK_REALTIME */
	uint64_t interval_ms; /* of the rates; 0: there are none yet */
	struct top_rows rows[TOP_VIEW_MAX];
	uint64_t rate_up, rate_down; /* of all flows */
	double starts, drops;        /* a second: flow starts that a rule decided; packets */
	bool attached, relayed, complete;
	struct flows_relay *relays;
	size_t n_relays;
	char no_flows[FLOWS_WHY_LEN], no_rules[FLOWS_WHY_LEN]; /* as in the sample */
};

/* earlier: NULL for the first one. Both lists get another order. 0 or -ENOMEM. */
int top_frame_make(struct top_sample *sample, struct top_sample *earlier,
		   struct top_frame *ret_frame);
void top_frame_free(struct top_frame *frame);

/* ---- a choice of rows --------------------------------------------------- */

/* Rows of one view in their order. Borrows the frame. */
struct top_choice {
	const struct top_frame *frame;
	enum top_view view;
	const struct top_row **rows; /* owned */
	size_t n;
};

/* filter: text that a row must have in its addresses or names; "": all. 0 or -ENOMEM. */
int top_choose(const struct top_frame *frame, enum top_view view, enum top_order order,
	       const char *filter, struct top_choice *ret_choice);
void top_choice_free(struct top_choice *choice);

#endif
