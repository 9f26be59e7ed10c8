/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/flows/print.h"

#include <stdio.h>
#include <string.h>

#include "lib/flows/table.h"
#include "lib/flows/values.h"
#include "lib/util.h"

/* ---- the columns of a flow ---------------------------------------------- */

static const struct flow_entry *entry_of(const void *arg, size_t row)
{
	return &((const struct flow_list *)arg)->items[row];
}

static void relay_cell(const void *arg, size_t row, char *text)
{
	const struct flow_list *list = arg;
	const char *name = list->relays[list->items[row].relay].name;

	snprintf(text, TABLE_CELL_LEN, "%s", *name ? name : "forwarded");
}

static void id_cell(const void *arg, size_t row, char *text)
{
	snprintf(text, TABLE_CELL_LEN, "%llu", (unsigned long long)entry_of(arg, row)->record.id);
}

static void proto_cell(const void *arg, size_t row, char *text)
{
	strcpy(text, flows_proto_text(entry_of(arg, row)->record.proto));
}

static void client_cell(const void *arg, size_t row, char *text)
{
	flows_address_text(&entry_of(arg, row)->record.client, text);
}

static void dst_cell(const void *arg, size_t row, char *text)
{
	flows_address_text(&entry_of(arg, row)->record.dst, text);
}

static void server_cell(const void *arg, size_t row, char *text)
{
	flows_address_text(&entry_of(arg, row)->record.server, text);
}

static void source_cell(const void *arg, size_t row, char *text)
{
	flows_address_text(&entry_of(arg, row)->record.source, text);
}

/* "ssh", "office (pass)", "pool gate", "-" */
static void rule_text(const struct flow_rule *rule, char *text)
{
	if (!rule)
		strcpy(text, "-");
	else if (!rule->action)
		snprintf(text, TABLE_CELL_LEN, "pool %s", rule->name);
	else if (strcmp(rule->action, "proxy"))
		snprintf(text, TABLE_CELL_LEN, "%s (%s)", rule->name, rule->action);
	else
		snprintf(text, TABLE_CELL_LEN, "%s", rule->name);
}

static void rule_cell(const void *arg, size_t row, char *text)
{
	rule_text(entry_of(arg, row)->rule, text);
}

static void state_cell(const void *arg, size_t row, char *text)
{
	const struct flows_record *r = &entry_of(arg, row)->record;

	snprintf(text, TABLE_CELL_LEN, "%s%s%s", flows_state_text(r->state),
		 r->flags & FLOWS_RETIRED ? ",retired" : "", r->flags & FLOWS_LOOP ? ",loop" : "");
}

static void age_cell(const void *arg, size_t row, char *text)
{
	flows_time_text(entry_of(arg, row)->record.age_ms, text);
}

static void idle_cell(const void *arg, size_t row, char *text)
{
	flows_time_text(entry_of(arg, row)->record.idle_ms, text);
}

static void up_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(entry_of(arg, row)->record.bytes_up, text);
}

static void down_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(entry_of(arg, row)->record.bytes_down, text);
}

static void rate_up_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(entry_of(arg, row)->rate_up, text);
}

static void rate_down_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(entry_of(arg, row)->rate_down, text);
}

static const struct table_column flow_columns[] = {
	{ "RELAY", false, relay_cell },     { "ID", true, id_cell },
	{ "PROTO", false, proto_cell },     { "CLIENT", false, client_cell },
	{ "DESTINATION", false, dst_cell }, { "SERVER", false, server_cell },
	{ "SOURCE", false, source_cell },   { "RULE", false, rule_cell },
	{ "STATE", false, state_cell },     { "AGE", true, age_cell },
	{ "IDLE", true, idle_cell },        { "UP", true, up_cell },
	{ "DOWN", true, down_cell },        { "UP/s", true, rate_up_cell },
	{ "DOWN/s", true, rate_down_cell },
};

#define COLUMN_RELAY 0
#define COLUMN_RULE 7

static void print_none(const struct flow_list *list)
{
	printf("%s\n", list->silent ? "no flow was reported" : "no flow is open");
}

void flows_print_list(const struct flow_list *list, size_t limit)
{
	const bool one = list->n_relays < 2 && !flow_list_has_forwarded(list);
	const struct table table = {
		.columns = flow_columns,
		.n_columns = ARRAY_SIZE(flow_columns),
		.rows = limit < list->n ? limit : list->n,
		.arg = list,
		.hidden = one << COLUMN_RELAY | (!list->has_rules) << COLUMN_RULE,
	};

	if (list->n)
		table_print(&table);
	else
		print_none(list);
	if (list->n > limit)
		printf("and %zu more\n", list->n - limit);
}

/* ---- the columns of a total --------------------------------------------- */

static const struct flow_total *total_of(const void *arg, size_t row)
{
	return &((const struct flow_totals *)arg)->items[row];
}

static void key_cell(const void *arg, size_t row, char *text)
{
	const struct flow_totals *totals = arg;
	const struct flow_entry *first = totals->items[row].first;

	switch (totals->key) {
	case FLOWS_CLIENT:
		flows_host_text(&first->record.client, text);
		break;
	case FLOWS_DESTINATION:
		strcpy(text, flows_proto_text(first->record.proto));
		strcat(text, " ");
		flows_address_text(&first->record.dst, text + strlen(text));
		break;
	default:
		rule_text(first->rule, text);
	}
}

static void total_flows_cell(const void *arg, size_t row, char *text)
{
	snprintf(text, TABLE_CELL_LEN, "%llu", (unsigned long long)total_of(arg, row)->flows);
}

static void total_up_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(total_of(arg, row)->bytes_up, text);
}

static void total_down_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(total_of(arg, row)->bytes_down, text);
}

static void total_rate_up_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(total_of(arg, row)->rate_up, text);
}

static void total_rate_down_cell(const void *arg, size_t row, char *text)
{
	flows_amount_text(total_of(arg, row)->rate_down, text);
}

void flows_print_totals(const struct flow_list *list, const struct flow_totals *totals,
			size_t limit)
{
	static const char *const titles[] = { [FLOWS_CLIENT] = "CLIENT",
					      [FLOWS_DESTINATION] = "DESTINATION",
					      [FLOWS_RULE] = "RULE" };
	const struct table_column columns[] = {
		{ titles[totals->key], false, key_cell },
		{ "FLOWS", true, total_flows_cell },
		{ "UP", true, total_up_cell },
		{ "DOWN", true, total_down_cell },
		{ "UP/s", true, total_rate_up_cell },
		{ "DOWN/s", true, total_rate_down_cell },
	};
	const struct table table = { .columns = columns,
				     .n_columns = ARRAY_SIZE(columns),
				     .rows = limit < totals->n ? limit : totals->n,
				     .arg = totals };

	if (list->n)
		table_print(&table);
	else
		print_none(list);
	if (totals->n > limit)
		printf("and %zu more\n", totals->n - limit);
}

void flows_print_sum(const struct flow_list *list, const struct flow_totals *all,
		     const struct flow_totals *clients, const struct flow_totals *destinations)
{
	const struct flow_total *sum = &all->items[0];
	char up[FLOWS_TEXT_LEN], down[FLOWS_TEXT_LEN];

	if (!list->n)
		return;
	printf("%zu flow%s, %zu client%s, %zu destination%s, %s bytes up, %s down\n", list->n,
	       list->n == 1 ? "" : "s", clients->n, clients->n == 1 ? "" : "s", destinations->n,
	       destinations->n == 1 ? "" : "s", flows_amount_text(sum->bytes_up, up),
	       flows_amount_text(sum->bytes_down, down));
}
