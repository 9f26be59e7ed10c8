/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table on standard output, with columns as wide as their contents. Must not know what it shows.
 * Control characters in a cell come out as '?'.
 */
#ifndef TPROXY_LIB_FLOWS_TABLE_H
#define TPROXY_LIB_FLOWS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS_MAX 16
#define TABLE_CELL_LEN 96

struct table_column {
	const char *title;
	bool right; /* numbers */
	/* Writes the text of this row; ret_text: TABLE_CELL_LEN bytes. */
	void (*cell)(const void *arg, size_t row, char *ret_text);
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	size_t rows;
	const void *arg;     /* for the cells */
	unsigned int hidden; /* bit N: column N is left out */
};

void table_print(const struct table *table);

#endif
