/* SPDX-License-Identifier: BSD-2-Clause */
/* The table as text and as JSON. */
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "loader/adopt/words.h"
#include "loader/listeners/table.h"
#include "loader/show/adopted.h"
#include "loader/show/show.h"

/* ---- text --------------------------------------------------------------- */

static const char *transparency(const struct listener_row *row)
{
	if (!row->listener->transparent)
		return "no";
	return row->adopted ? "adopted" : "yes";
}

static void print_rules(const struct listener_table *table, tproxy_mask rules)
{
	const char *separator = "";

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		if (!(rules >> i & 1))
			continue;
		printf("%s%s", separator, table->policy.rules[i].name);
		separator = ", ";
	}
	printf("%s\n", *separator ? "" : "-");
}

static void print_row(const struct listener_table *table, const struct listener_row *row)
{
	char place[WORDS_LEN], device[IF_NAMESIZE], process[64] = "unknown";

	words_listener(row->listener, place);
	if (row->listener->device && if_indextoname((unsigned int)row->listener->device, device))
		snprintf(place + strlen(place), sizeof(place) - strlen(place), "%%%s", device);
	if (row->holder.pid)
		snprintf(process, sizeof(process), "%s (pid %d)", row->holder.comm,
			 (int)row->holder.pid);
	printf("%-32s %-26s %-11s ", place, process, transparency(row));
	print_rules(table, row->rules);
}

static void print_gap(const struct listener_table *table, const struct listener_gap *gap)
{
	const struct rule *rule = &table->policy.rules[gap->rule];
	char proxy[PROXY_TEXT_LEN];

	printf("  ! rule %s, %s: %s: %s\n", rule->name, proxy_format(&rule->proxy, proxy),
	       listening_class_names[gap->cls],
	       gap->found == FOUND_NONE ? "no listener" : found_names[gap->found]);
}

void listener_table_print(const struct listener_table *table, const struct state *state)
{
	if (table->n)
		printf("%-32s %-26s %-11s %s\n", "LISTENER", "PROCESS", "TRANSPARENT", "RULES");
	else
		printf("no listener\n");
	for (size_t i = 0; i < table->n; i++)
		print_row(table, &table->rows[i]);
	if (table->n_gaps)
		printf("missing:\n");
	for (size_t i = 0; i < table->n_gaps; i++)
		print_gap(table, &table->gaps[i]);
	adopted_print(&table->records);
	shims_print(state);
}

/* ---- JSON --------------------------------------------------------------- */

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void add_int(struct json_object *o, const char *key, __u64 value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static struct json_object *process_json(const struct listener_row *row)
{
	struct json_object *o = json_object_new_object();

	if (!row->holder.pid)
		return o;
	add_int(o, "pid", (__u64)row->holder.pid);
	add_text(o, "name", row->holder.comm);
	add_int(o, "uid", row->holder.uid);
	return o;
}

static struct json_object *rules_json(const struct listener_table *table, tproxy_mask rules)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (rules >> i & 1)
			json_object_array_add(array,
					      json_object_new_string(table->policy.rules[i].name));
	return array;
}

static void add_place(struct json_object *o, const struct listener *listener)
{
	char addr[WORDS_LEN], device[IF_NAMESIZE];

	add_text(o, "protocol", words_protocol(listener->protocol));
	add_text(o, "address", words_address(listener->family, listener->addr, addr));
	add_int(o, "port", listener->port);
	add_text(o, "families",
		 listener->family == AF_INET ? "ipv4" :
		 listener->v6only            ? "ipv6" :
					       "both");
	if (listener->device && if_indextoname((unsigned int)listener->device, device))
		add_text(o, "interface", device);
}

static struct json_object *row_json(const struct listener_table *table,
				    const struct listener_row *row)
{
	struct json_object *o = json_object_new_object();

	add_place(o, row->listener);
	add_int(o, "cookie", row->listener->cookie);
	json_object_object_add(o, "process", process_json(row));
	json_object_object_add(o, "transparent",
			       json_object_new_boolean(row->listener->transparent));
	json_object_object_add(o, "adopted", json_object_new_boolean(row->adopted));
	json_object_object_add(o, "dead", json_object_new_boolean(row->listener->shut));
	if (row->group != NO_GROUP) {
		add_int(o, "group", row->group);
		add_int(o, "slots", row->ways);
	}
	json_object_object_add(o, "rules", rules_json(table, row->rules));
	add_int(o, "waiting", row->listener->waiting);
	if (row->found != FOUND_OK)
		add_text(o, "problem", found_names[row->found]);
	return o;
}

static struct json_object *gap_json(const struct listener_table *table,
				    const struct listener_gap *gap)
{
	const struct rule *rule = &table->policy.rules[gap->rule];
	struct json_object *o = json_object_new_object();
	char proxy[PROXY_TEXT_LEN];

	add_text(o, "rule", rule->name);
	add_text(o, "proxy", proxy_format(&rule->proxy, proxy));
	add_text(o, "flows", listening_class_names[gap->cls]);
	add_text(o, "problem", found_names[gap->found]);
	return o;
}

int listener_table_print_json(const struct listener_table *table, const struct state *state)
{
	struct json_object *root = show_json_root();
	struct json_object *rows = json_object_new_array(), *gaps = json_object_new_array();

	for (size_t i = 0; i < table->n; i++)
		json_object_array_add(rows, row_json(table, &table->rows[i]));
	for (size_t i = 0; i < table->n_gaps; i++)
		json_object_array_add(gaps, gap_json(table, &table->gaps[i]));
	json_object_object_add(root, "listeners", rows);
	json_object_object_add(root, "missing", gaps);
	json_object_object_add(root, "adopted", adopted_json(&table->records));
	json_object_object_add(root, "shims", shims_json(state));
	return show_json_print(root);
}
