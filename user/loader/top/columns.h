/* SPDX-License-Identifier: BSD-2-Clause */
/* The columns of each view, as text. Pure; must not know where it is shown. */
#ifndef TPROXY_LOADER_TOP_COLUMNS_H
#define TPROXY_LOADER_TOP_COLUMNS_H

#include "lib/flows/table.h"
#include "loader/top/frame.h"

/* Their cells take a struct top_choice. */
struct top_columns {
	struct table_column items[TABLE_COLUMNS_MAX];
	unsigned char rank
		[TABLE_COLUMNS_MAX]; /* where room is scarce, the highest goes first; 0: never */
	size_t n;
};

/* ret_columns: those of the view that have something to show. */
void top_columns(const struct top_choice *choice, struct top_columns *ret_columns);

/* The words of a frame about all flows: "23 flows, 3 clients, …"; buf: TOP_SUM_LEN bytes. */
#define TOP_SUM_LEN 200
char *top_sum_text(const struct top_frame *frame, char *buf);

#endif
