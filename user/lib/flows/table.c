/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/flows/table.h"

#include <stdio.h>
#include <string.h>

static bool is_shown(const struct table *t, size_t column)
{
	return !(t->hidden >> column & 1);
}

static size_t last_shown(const struct table *t)
{
	size_t last = t->n_columns - 1;

	while (last && !is_shown(t, last))
		last--;
	return last;
}

static void get_cell(const struct table *t, size_t row, size_t column, char *ret_text)
{
	*ret_text = '\0';
	t->columns[column].cell(t->arg, row, ret_text);
	for (char *c = ret_text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

static void measure(const struct table *t, size_t *ret_widths)
{
	char text[TABLE_CELL_LEN];

	for (size_t c = 0; c < t->n_columns; c++) {
		ret_widths[c] = strlen(t->columns[c].title);
		for (size_t row = 0; row < t->rows && is_shown(t, c); row++) {
			get_cell(t, row, c, text);
			if (strlen(text) > ret_widths[c])
				ret_widths[c] = strlen(text);
		}
	}
}

static void put(const struct table *t, size_t column, const char *text, size_t width)
{
	if (!is_shown(t, column))
		return;
	if (t->columns[column].right)
		printf("%*s", (int)width, text);
	else if (column == last_shown(t))
		printf("%s", text);
	else
		printf("%-*s", (int)width, text);
	fputs(column == last_shown(t) ? "\n" : "  ", stdout);
}

void table_print(const struct table *t)
{
	size_t widths[TABLE_COLUMNS_MAX];
	char text[TABLE_CELL_LEN];

	measure(t, widths);
	for (size_t c = 0; c < t->n_columns; c++)
		put(t, c, t->columns[c].title, widths[c]);
	for (size_t row = 0; row < t->rows; row++) {
		for (size_t c = 0; c < t->n_columns; c++) {
			get_cell(t, row, c, text);
			put(t, c, text, widths[c]);
		}
	}
}
