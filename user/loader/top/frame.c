/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/top/frame.h"

#include <string.h>

#include "lib/plain.h"
#include "lib/util.h"

const char *const top_view_names[TOP_VIEW_MAX] = { "flows", "rules", "clients" };

static int make_room(struct top_rows *rows, size_t n)
{
	rows->items = calloc(n + 1, sizeof(*rows->items));
	return rows->items ? 0 : -ENOMEM;
}

/* ---- names -------------------------------------------------------------- */

static void name_row(struct top_row *row, const struct flow_rule *rule)
{
	char name[TPROXY_NAME_LEN];

	row->index = -1;
	row->action = rule && rule->action ? rule->action : "";
	row->pool = rule && !rule->action;
	if (!rule)
		strcpy(row->rule, "-");
	else
		snprintf(row->rule, sizeof(row->rule), "%s",
			 plain_text(rule->name, strlen(rule->name), name, sizeof(name)));
}

/* ---- flows and clients -------------------------------------------------- */

static int fill_flows(struct top_frame *frame, const struct flow_list *list)
{
	struct top_rows *rows = &frame->rows[TOP_FLOWS];
	int err = make_room(rows, list->n);

	for (size_t i = 0; i < list->n && !err; i++) {
		const struct flow_entry *e = &list->items[i];
		struct top_row *row = &rows->items[rows->n++];

		row->record = e->record;
		strcpy(row->relay, list->relays[e->relay].name);
		row->forwarded = !*row->relay;
		row->ruled = list->has_rules;
		name_row(row, e->rule);
		row->flows = 1;
		row->bytes_up = e->record.bytes_up;
		row->bytes_down = e->record.bytes_down;
		row->rate_up = e->rate_up;
		row->rate_down = e->rate_down;
		frame->rate_up += e->rate_up;
		frame->rate_down += e->rate_down;
	}
	return err;
}

static void take_total(struct top_row *row, const struct flow_total *total)
{
	row->flows = total->flows;
	row->bytes_up = total->bytes_up;
	row->bytes_down = total->bytes_down;
	row->rate_up = total->rate_up;
	row->rate_down = total->rate_down;
}

static int fill_clients(struct top_frame *frame, const struct flow_list *list)
{
	struct flow_totals totals __cleanup_flow_totals = { .n = 0 };
	struct top_rows *rows = &frame->rows[TOP_CLIENTS];
	int err = flow_totals_make(list, FLOWS_CLIENT, &totals);

	if (!err)
		err = make_room(rows, totals.n);
	for (size_t i = 0; i < totals.n && !err; i++) {
		struct top_row *row = &rows->items[rows->n++];

		row->record.client = totals.items[i].first->record.client;
		row->index = -1;
		row->action = "";
		take_total(row, &totals.items[i]);
	}
	return err;
}

/* ---- rules -------------------------------------------------------------- */

static const struct top_counted *find_counted(const struct top_sample *sample, const char *name)
{
	for (size_t i = 0; i < sample->n_rules; i++)
		if (!strcmp(sample->rules[i].name, name))
			return &sample->rules[i];
	return NULL;
}

/* The figures of a rule that was made in between begin with the next sample. */
static double per_second(__u64 now, __u64 before, uint64_t ms)
{
	return now > before && ms ? (double)(now - before) * 1000 / (double)ms : 0;
}

static void count_row(struct top_row *row, const struct top_counted *now,
		      const struct top_sample *earlier, uint64_t ms)
{
	const struct top_counted *before = earlier ? find_counted(earlier, now->name) : NULL;

	row->stat = now->stat;
	row->index = now->index;
	if (!before)
		return;
	row->counts.flows = per_second(now->stat.flows, before->stat.flows, ms);
	row->counts.packets = per_second(now->stat.packets, before->stat.packets, ms);
	row->counts.bytes = per_second(now->stat.bytes, before->stat.bytes, ms);
}

static void add_counted(struct top_frame *frame, const struct top_sample *sample,
			const struct top_sample *earlier)
{
	struct top_rows *rows = &frame->rows[TOP_RULES];

	for (size_t i = 0; i < sample->n_rules; i++) {
		struct top_row *row = &rows->items[rows->n++];

		row->ruled = true;
		name_row(row, sample->rules[i].rule);
		count_row(row, &sample->rules[i], earlier, frame->interval_ms);
		frame->starts += row->counts.flows;
	}
}

/* The row of the rule, or a new one: of a pool, or of no rule. */
static struct top_row *row_for(struct top_rows *rows, const struct top_sample *sample,
			       const struct flow_rule *rule)
{
	struct top_row *row;

	for (size_t i = 0; rule && i < sample->n_rules; i++)
		if (sample->rules[i].rule == rule)
			return &rows->items[i];
	row = &rows->items[rows->n++];
	row->ruled = true;
	name_row(row, rule);
	return row;
}

static int fill_rules(struct top_frame *frame, const struct top_sample *sample,
		      const struct top_sample *earlier)
{
	struct flow_totals totals __cleanup_flow_totals = { .n = 0 };
	struct top_rows *rows = &frame->rows[TOP_RULES];
	int err = 0;

	if (sample->list.has_rules)
		err = flow_totals_make(&sample->list, FLOWS_RULE, &totals);
	if (!err)
		err = make_room(rows, sample->n_rules + totals.n);
	if (err)
		return err;
	add_counted(frame, sample, earlier);
	for (size_t i = 0; i < totals.n; i++)
		take_total(row_for(rows, sample, totals.items[i].first->rule), &totals.items[i]);
	return 0;
}

/* ---- the whole ---------------------------------------------------------- */

static int copy_relays(struct top_frame *frame, const struct flow_list *list)
{
	frame->relays = calloc(list->n_relays + 1, sizeof(*frame->relays));
	if (!frame->relays)
		return -ENOMEM;
	for (size_t i = 0; i < list->n_relays; i++)
		if (*list->relays[i].name)
			frame->relays[frame->n_relays++] = list->relays[i];
	return 0;
}

static void describe(struct top_frame *frame, const struct top_sample *sample)
{
	clock_gettime(CLOCK_REALTIME, &frame->at);
	frame->attached = sample->attached;
	frame->relayed = sample->relayed;
	frame->complete = sample->relayed && !sample->list.silent;
	memcpy(frame->no_flows, sample->no_flows, sizeof(frame->no_flows));
	memcpy(frame->no_rules, sample->no_rules, sizeof(frame->no_rules));
}

int top_frame_make(struct top_sample *sample, struct top_sample *earlier,
		   struct top_frame *ret_frame)
{
	struct top_sample *same = earlier && earlier->state == sample->state ? earlier : NULL;
	int err;

	*ret_frame = (struct top_frame){ .interval_ms = earlier ? sample->ms - earlier->ms : 0 };
	describe(ret_frame, sample);
	if (earlier)
		flow_list_sample(&sample->list, &earlier->list, ret_frame->interval_ms);
	if (same)
		ret_frame->drops = per_second(sample->drops, same->drops, ret_frame->interval_ms);
	err = copy_relays(ret_frame, &sample->list);
	if (!err)
		err = fill_flows(ret_frame, &sample->list);
	if (!err)
		err = fill_clients(ret_frame, &sample->list);
	if (!err)
		err = fill_rules(ret_frame, sample, same);
	if (err)
		top_frame_free(ret_frame);
	return err;
}

void top_frame_free(struct top_frame *frame)
{
	for (int view = 0; view < TOP_VIEW_MAX; view++)
		free(frame->rows[view].items);
	free(frame->relays);
	*frame = (struct top_frame){ .n_relays = 0 };
}
