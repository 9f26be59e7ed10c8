/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rows of a frame are shown, and in which order. Pure. */
#include <string.h>

#include "lib/flows/values.h"
#include "lib/util.h"
#include "loader/top/frame.h"

/* ---- order -------------------------------------------------------------- */

static const struct top_row *row_of(const void *item)
{
	return *(const struct top_row *const *)item;
}

static int more_first(double a, double b)
{
	return (a < b) - (a > b);
}

static int by_name(const void *a, const void *b)
{
	const struct top_row *x = row_of(a), *y = row_of(b);
	const struct flows_address *s = &x->record.client, *t = &y->record.client;
	int r = s->family - t->family;

	if (!r)
		r = memcmp(s->addr, t->addr, sizeof(s->addr));
	if (!r)
		r = (s->port > t->port) - (s->port < t->port);
	if (!r)
		r = strcmp(x->rule, y->rule);
	if (!r)
		r = (x->record.id > y->record.id) - (x->record.id < y->record.id);
	return r ? r : (x > y) - (x < y);
}

static int by_bytes(const void *a, const void *b)
{
	const struct top_row *x = row_of(a), *y = row_of(b);
	int r = more_first((double)x->bytes_up + (double)x->bytes_down + (double)x->stat.bytes,
			   (double)y->bytes_up + (double)y->bytes_down + (double)y->stat.bytes);

	return r ? r : by_name(a, b);
}

static double rate(const struct top_row *row)
{
	return (double)row->rate_up + (double)row->rate_down + row->counts.bytes;
}

static int by_rate(const void *a, const void *b)
{
	int r = more_first(rate(row_of(a)), rate(row_of(b)));

	return r ? r : by_bytes(a, b);
}

static int by_flows(const void *a, const void *b)
{
	const struct top_row *x = row_of(a), *y = row_of(b);
	int r = more_first((double)x->flows, (double)y->flows);

	if (!r)
		r = more_first((double)x->stat.flows, (double)y->stat.flows);
	if (!r)
		r = more_first((double)x->record.age_ms, (double)y->record.age_ms);
	return r ? r : by_name(a, b);
}

const char *top_order_name(enum top_view view, enum top_order order)
{
	static const char *const names[TOP_ORDER_MAX] = { "rate", "bytes", "flows", "name" };

	return view == TOP_FLOWS && order == TOP_BY_FLOWS ? "age" : names[order];
}

/* ---- filter ------------------------------------------------------------- */

static bool has(const char *text, const char *filter)
{
	return strcasestr(text, filter) != NULL;
}

static bool is_chosen(const struct top_row *row, enum top_view view, const char *filter)
{
	char text[FLOWS_TEXT_LEN];

	if (!*filter)
		return true;
	if (view == TOP_CLIENTS)
		return has(flows_host_text(&row->record.client, text), filter);
	if (view == TOP_FLOWS && has(flows_address_text(&row->record.client, text), filter))
		return true;
	if (view == TOP_FLOWS && (has(flows_address_text(&row->record.dst, text), filter) ||
				  has(flows_address_text(&row->record.server, text), filter) ||
				  has(flows_proto_text(row->record.proto), filter)))
		return true;
	return has(row->rule, filter) || has(row->action, filter);
}

/* ---- the choice --------------------------------------------------------- */

int top_choose(const struct top_frame *frame, enum top_view view, enum top_order order,
	       const char *filter, struct top_choice *ret_choice)
{
	static int (*const orders[])(const void *a, const void *b) = { by_rate, by_bytes, by_flows,
								       by_name };
	const struct top_rows *rows = &frame->rows[view];
	struct top_choice choice = { .frame = frame, .view = view };

	choice.rows = calloc(rows->n + 1, sizeof(*choice.rows));
	if (!choice.rows)
		return -ENOMEM;
	for (size_t i = 0; i < rows->n; i++)
		if (is_chosen(&rows->items[i], view, filter))
			choice.rows[choice.n++] = &rows->items[i];
	qsort(choice.rows, choice.n, sizeof(*choice.rows), orders[order]);
	*ret_choice = choice;
	return 0;
}

void top_choice_free(struct top_choice *choice)
{
	free(choice->rows);
	*choice = (struct top_choice){ .n = 0 };
}
