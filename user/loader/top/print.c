/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/top/print.h"

#include "loader/top/columns.h"

static const char *const nothing[TOP_VIEW_MAX] = { "no flow is open", "there is no rule",
						   "no client is connected" };

void top_print_text(const struct top_choice *choice, size_t limit)
{
	const struct top_frame *frame = choice->frame;
	char sum[TOP_SUM_LEN];
	struct top_columns columns;
	struct table table;

	top_columns(choice, &columns);
	table = (struct table){ .columns = columns.items,
				.n_columns = columns.n,
				.rows = limit < choice->n ? limit : choice->n,
				.arg = choice };
	if (choice->n)
		table_print(&table);
	else
		printf("%s\n", nothing[choice->view]);
	if (choice->n > limit)
		printf("and %zu more\n", choice->n - limit);
	printf("\n%s\n", top_sum_text(frame, sum));
	if (*frame->no_flows)
		printf("flows: %s\n", frame->no_flows);
	if (*frame->no_rules)
		printf("rules: %s\n", frame->no_rules);
}
