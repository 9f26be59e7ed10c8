/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys are those of `flows` and of `rule list` where these have them. */
#include <string.h>

#include "lib/flows/values.h"
#include "loader/show/show.h"
#include "loader/show/stamp.h"
#include "loader/top/print.h"

static void add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

static void add_number(struct json_object *object, const char *key, uint64_t number)
{
	json_object_object_add(object, key, json_object_new_uint64(number));
}

/* With one decimal: more would only be noise. */
static void add_rate(struct json_object *object, const char *key, double rate)
{
	char text[40];

	snprintf(text, sizeof(text), "%.1f", rate);
	json_object_object_add(object, key, json_object_new_double_s(rate, text));
}

/* name: "client" gives "client" and "client_port". */
static void add_address(struct json_object *object, const char *name, const struct flows_address *a)
{
	char text[FLOWS_TEXT_LEN];

	if (!a->family)
		return;
	add_text(object, name, flows_host_text(a, text));
	snprintf(text, sizeof(text), "%s_port", name);
	add_number(object, text, a->port);
}

static void add_sums(struct json_object *object, const struct top_row *row)
{
	add_number(object, "bytes_up", row->bytes_up);
	add_number(object, "bytes_down", row->bytes_down);
	add_number(object, "rate_up", row->rate_up);
	add_number(object, "rate_down", row->rate_down);
}

static void add_rule(struct json_object *object, const struct top_row *row)
{
	if (!row->ruled)
		return;
	if (!row->pool && *row->action)
		add_text(object, "rule", row->rule);
	else
		json_object_object_add(object, "rule", NULL);
	if (row->pool)
		add_text(object, "pool", row->rule);
	else if (*row->action)
		add_text(object, "rule_action", row->action);
}

static struct json_object *flow_json(const struct top_row *row)
{
	struct json_object *object = json_object_new_object();
	const struct flows_record *r = &row->record;

	add_text(object, "via", row->forwarded ? "forwarded" : "relay");
	if (!row->forwarded) {
		add_text(object, "relay", row->relay);
		add_number(object, "id", r->id);
	}
	add_text(object, "proto", flows_proto_text(r->proto));
	add_address(object, "client", &r->client);
	add_address(object, "dst", &r->dst);
	add_address(object, "server", &r->server);
	add_rule(object, row);
	add_text(object, "state", flows_state_text(r->state));
	add_number(object, "age_ms", r->age_ms);
	add_number(object, "idle_ms", r->idle_ms);
	add_sums(object, row);
	return object;
}

static struct json_object *client_json(const struct top_row *row)
{
	struct json_object *object = json_object_new_object();
	char text[FLOWS_TEXT_LEN];

	add_text(object, "client", flows_host_text(&row->record.client, text));
	add_number(object, "flows", row->flows);
	add_sums(object, row);
	return object;
}

static struct json_object *rule_json(const struct top_row *row)
{
	struct json_object *object = json_object_new_object();

	add_rule(object, row);
	if (row->index >= 0) {
		add_number(object, "index", (uint64_t)row->index);
		add_number(object, "started", row->stat.flows);
		add_rate(object, "started_rate", row->counts.flows);
		add_number(object, "packets", row->stat.packets);
		add_rate(object, "packets_rate", row->counts.packets);
		add_number(object, "bytes", row->stat.bytes);
		add_rate(object, "bytes_rate", row->counts.bytes);
	}
	add_number(object, "flows", row->flows);
	add_sums(object, row);
	return object;
}

static struct json_object *rows_json(const struct top_choice *choice, size_t limit)
{
	static struct json_object *(*const makers[])(
		const struct top_row *row) = { flow_json, rule_json, client_json };
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < choice->n && i < limit; i++)
		json_object_array_add(array, makers[choice->view](choice->rows[i]));
	return array;
}

static struct json_object *total_json(const struct top_frame *frame)
{
	struct json_object *object = json_object_new_object();

	add_number(object, "flows", frame->rows[TOP_FLOWS].n);
	add_number(object, "clients", frame->rows[TOP_CLIENTS].n);
	add_number(object, "rate_up", frame->rate_up);
	add_number(object, "rate_down", frame->rate_down);
	add_rate(object, "started_rate", frame->starts);
	add_rate(object, "drops_rate", frame->drops);
	return object;
}

static struct json_object *relays_json(const struct top_frame *frame)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < frame->n_relays; i++)
		json_object_array_add(array, json_object_new_string(frame->relays[i].name));
	return array;
}

int top_print_json(const struct top_choice *choice, size_t limit)
{
	const struct top_frame *frame = choice->frame;
	struct json_object *root = show_json_root();
	char text[STAMP_LEN];

	add_text(root, "time", stamp_text(&frame->at, text));
	add_number(root, "interval_ms", frame->interval_ms);
	json_object_object_add(root, "attached", json_object_new_boolean(frame->attached));
	json_object_object_add(root, "relays", relays_json(frame));
	json_object_object_add(root, "complete", json_object_new_boolean(frame->complete));
	if (*frame->no_flows)
		add_text(root, "no_flows", frame->no_flows);
	if (*frame->no_rules)
		add_text(root, "no_rules", frame->no_rules);
	json_object_object_add(root, "total", total_json(frame));
	add_text(root, "by", top_view_names[choice->view]);
	json_object_object_add(root, top_view_names[choice->view], rows_json(choice, limit));
	add_number(root, "more", choice->n > limit ? choice->n - limit : 0);
	return show_json_print(root);
}
