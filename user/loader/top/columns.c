/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/top/columns.h"

#include <string.h>

#include "lib/flows/values.h"
#include "lib/util.h"

/* ---- cells -------------------------------------------------------------- */

static const struct top_row *row_of(const void *arg, size_t row)
{
	return ((const struct top_choice *)arg)->rows[row];
}

static void client_cell(const void *arg, size_t row, char *text)
{
	flows_address_text(&row_of(arg, row)->record.client, text);
}

static void host_cell(const void *arg, size_t row, char *text)
{
	flows_host_text(&row_of(arg, row)->record.client, text);
}

static void dst_cell(const void *arg, size_t row, char *text)
{
	flows_address_text(&row_of(arg, row)->record.dst, text);
}

static void proto_cell(const void *arg, size_t row, char *text)
{
	strcpy(text, flows_proto_text(row_of(arg, row)->record.proto));
}

static void rule_cell(const void *arg, size_t row, char *text)
{
	snprintf(text, TABLE_CELL_LEN, "%s%s", row_of(arg, row)->pool ? "pool " : "",
		 row_of(arg, row)->rule);
}

static void action_cell(const void *arg, size_t row, char *text)
{
	const char *action = row_of(arg, row)->action;

	snprintf(text, TABLE_CELL_LEN, "%s", *action ? action : "-");
}

static void via_cell(const void *arg, size_t row, char *text)
{
	const struct top_row *r = row_of(arg, row);

	snprintf(text, TABLE_CELL_LEN, "%s", r->forwarded ? "forwarded" : r->relay);
}

static void age_cell(const void *arg, size_t row, char *text)
{
	flows_time_text(row_of(arg, row)->record.age_ms, text);
}

static void flows_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(row_of(arg, row)->flows, text);
}

static void up_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(row_of(arg, row)->bytes_up, text);
}

static void down_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(row_of(arg, row)->bytes_down, text);
}

static void rate_up_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(row_of(arg, row)->rate_up, text);
}

static void rate_down_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(row_of(arg, row)->rate_down, text);
}

/* Rates of what is rare have a decimal. */
static char *events_text(double rate, char *text)
{
	if (rate > 0 && rate < 9.95)
		snprintf(text, TABLE_CELL_LEN, "%.1f", rate);
	else
		flows_amount_text((uint64_t)(rate + 0.5), text);
	return text;
}

static void starts_cell(const void *arg, size_t row, char *text)
{
	events_text(row_of(arg, row)->counts.flows, text);
}

static void packets_cell(const void *arg, size_t row, char *text)
{
	events_text(row_of(arg, row)->counts.packets, text);
}

static void taken_cell(const void *arg, size_t row, char *text)
{
	events_text(row_of(arg, row)->counts.bytes, text);
}

static void started_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(row_of(arg, row)->stat.flows, text);
}

/* ---- the views ---------------------------------------------------------- */

struct ranked {
	struct table_column column;
	unsigned char rank;
};

static const struct ranked of_flows[] = {
	{ { "CLIENT", false, client_cell }, 0 }, { { "DESTINATION", false, dst_cell }, 0 },
	{ { "PROTO", false, proto_cell }, 6 },   { { "RULE", false, rule_cell }, 3 },
	{ { "VIA", false, via_cell }, 7 },       { { "AGE", true, age_cell }, 5 },
	{ { "UP", true, up_cell }, 4 },          { { "DOWN", true, down_cell }, 4 },
	{ { "UP/s", true, rate_up_cell }, 1 },   { { "DOWN/s", true, rate_down_cell }, 1 },
};

static const struct ranked of_clients[] = {
	{ { "CLIENT", false, host_cell }, 0 }, { { "FLOWS", true, flows_cell }, 2 },
	{ { "UP", true, up_cell }, 3 },        { { "DOWN", true, down_cell }, 3 },
	{ { "UP/s", true, rate_up_cell }, 1 }, { { "DOWN/s", true, rate_down_cell }, 1 },
};

/* BYTES/s: of the packets that the data path decided: SYNs, and datagrams. */
static const struct ranked of_rules[] = {
	{ { "RULE", false, rule_cell }, 0 },        { { "ACTION", false, action_cell }, 4 },
	{ { "STARTED", true, started_cell }, 7 },   { { "NEW/s", true, starts_cell }, 1 },
	{ { "PACKETS/s", true, packets_cell }, 5 }, { { "BYTES/s", true, taken_cell }, 6 },
	{ { "FLOWS", true, flows_cell }, 3 },       { { "UP/s", true, rate_up_cell }, 2 },
	{ { "DOWN/s", true, rate_down_cell }, 2 },
};

static const struct {
	const struct ranked *columns;
	size_t n;
} views[TOP_VIEW_MAX] = {
	[TOP_FLOWS] = { of_flows, ARRAY_SIZE(of_flows) },
	[TOP_RULES] = { of_rules, ARRAY_SIZE(of_rules) },
	[TOP_CLIENTS] = { of_clients, ARRAY_SIZE(of_clients) },
};

/* One relay needs no column; without the right to read the rules there are none. */
static bool is_empty(const struct top_choice *choice, const struct table_column *column)
{
	bool audited = false;

	if (choice->view != TOP_FLOWS)
		return false;
	if (column->cell == rule_cell)
		return *choice->frame->no_rules;
	for (size_t i = 0; i < choice->n && column->cell == via_cell; i++)
		audited |= choice->rows[i]->forwarded;
	return column->cell == via_cell && !audited && choice->frame->n_relays < 2;
}

void top_columns(const struct top_choice *choice, struct top_columns *ret_columns)
{
	*ret_columns = (struct top_columns){ .n = 0 };
	for (size_t i = 0; i < views[choice->view].n; i++) {
		const struct ranked *ranked = &views[choice->view].columns[i];

		if (is_empty(choice, &ranked->column))
			continue;
		ret_columns->items[ret_columns->n] = ranked->column;
		ret_columns->rank[ret_columns->n++] = ranked->rank;
	}
}

char *top_sum_text(const struct top_frame *frame, char *buf)
{
	const size_t flows = frame->rows[TOP_FLOWS].n, clients = frame->rows[TOP_CLIENTS].n;
	char up[FLOWS_TEXT_LEN], down[FLOWS_TEXT_LEN], starts[TABLE_CELL_LEN],
		drops[TABLE_CELL_LEN];

	snprintf(buf, TOP_SUM_LEN,
		 "%zu flow%s, %zu client%s, %s/s up, %s/s down, %s new/s, %s drops/s", flows,
		 flows == 1 ? "" : "s", clients, clients == 1 ? "" : "s",
		 flows_amount_text(frame->rate_up, up), flows_amount_text(frame->rate_down, down),
		 events_text(frame->starts, starts), events_text(frame->drops, drops));
	return buf;
}
