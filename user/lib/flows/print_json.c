/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Written piece by piece: a tree of objects in memory would take a kilobyte for each flow. Keys are
 * those of the relay's log where it has them.
 */
#include <stdio.h>

#include "lib/flows/print.h"
#include "lib/flows/values.h"

static void put_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c == 0x7f)
			printf("\\u%04x", c);
		else if (c == '"' || c == '\\')
			printf("\\%c", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void put_number(const char *key, uint64_t number)
{
	printf(",\"%s\":%llu", key, (unsigned long long)number);
}

/* name: "client" gives "client" and "client_port". */
static void put_address(const char *name, const struct flows_address *a)
{
	char host[FLOWS_TEXT_LEN];

	if (a->family)
		printf(",\"%s\":\"%s\",\"%s_port\":%u", name, flows_host_text(a, host), name,
		       a->port);
}

static void put_text(const char *key, const char *text)
{
	printf(",\"%s\":", key);
	put_string(text);
}

static void put_rule(const struct flow_list *list, const struct flow_rule *rule)
{
	if (!list->has_rules)
		return;
	if (!rule || !rule->action) {
		printf(",\"rule\":null");
		if (rule)
			put_text("pool", rule->name);
		return;
	}
	put_text("rule", rule->name);
	put_text("rule_action", rule->action);
}

static void put_flow(const struct flow_list *list, const struct flow_entry *e)
{
	const char *relay = list->relays[e->relay].name;
	const struct flows_record *r = &e->record;

	printf("{\"via\":\"%s\"", *relay ? "relay" : "forwarded");
	if (*relay)
		put_text("relay", relay);
	put_number("id", r->id);
	printf(",\"proto\":\"%s\"", flows_proto_text(r->proto));
	put_address("client", &r->client);
	put_address("dst", &r->dst);
	put_address("server", &r->server);
	put_address("source", &r->source);
	put_rule(list, e->rule);
	printf(",\"state\":\"%s\",\"retired\":%s", flows_state_text(r->state),
	       r->flags & FLOWS_RETIRED ? "true" : "false");
	if (r->flags & FLOWS_LOOP)
		printf(",\"loop\":true");
	put_number("age_ms", r->age_ms);
	put_number("idle_ms", r->idle_ms);
	put_number("bytes_up", r->bytes_up);
	put_number("bytes_down", r->bytes_down);
	if (r->datagrams_up || r->datagrams_down) {
		put_number("datagrams_up", r->datagrams_up);
		put_number("datagrams_down", r->datagrams_down);
	}
	put_number("rate_up", e->rate_up);
	put_number("rate_down", e->rate_down);
	putchar('}');
}

static void put_sums(const struct flow_total *total)
{
	printf("\"flows\":%llu", (unsigned long long)total->flows);
	put_number("bytes_up", total->bytes_up);
	put_number("bytes_down", total->bytes_down);
	put_number("rate_up", total->rate_up);
	put_number("rate_down", total->rate_down);
}

static void put_total(const struct flow_list *list, const struct flow_totals *totals, size_t i)
{
	const struct flow_entry *first = totals->items[i].first;
	char host[FLOWS_TEXT_LEN];

	printf("%s{", i ? "," : "");
	put_sums(&totals->items[i]);
	if (totals->key == FLOWS_CLIENT)
		printf(",\"client\":\"%s\"", flows_host_text(&first->record.client, host));
	if (totals->key == FLOWS_DESTINATION) {
		printf(",\"proto\":\"%s\"", flows_proto_text(first->record.proto));
		put_address("dst", &first->record.dst);
	}
	if (totals->key == FLOWS_RULE)
		put_rule(list, first->rule);
	putchar('}');
}

static void put_totals(const struct flow_list *list, const struct flow_totals *totals)
{
	printf(",\"by_%s\":[", flow_key_names[totals->key]);
	for (size_t i = 0; i < totals->n; i++)
		put_total(list, totals, i);
	putchar(']');
}

static void put_relays(const struct flow_list *list)
{
	printf(",\"relays\":[");
	for (size_t i = 0; i < list->n_relays && *list->relays[i].name; i++) {
		printf("%s", i ? "," : "");
		put_string(list->relays[i].name);
	}
	putchar(']');
}

void flows_print_json(const struct flow_list *list, const struct flow_totals *totals, size_t limit)
{
	printf("{\"schema\":1");
	put_relays(list);
	printf(",\"complete\":%s,\"rate\":\"%s\"", list->silent ? "false" : "true",
	       list->sampled_ms ? "sample" : "average");
	if (list->sampled_ms)
		put_number("sample_ms", list->sampled_ms);
	printf(",\"total\":{");
	put_sums(&totals[FLOWS_TOTAL].items[0]);
	printf("},\"flows\":[");
	for (size_t i = 0; i < list->n && i < limit; i++) {
		printf("%s", i ? "," : "");
		put_flow(list, &list->items[i]);
	}
	putchar(']');
	for (int key = FLOWS_CLIENT; key < FLOWS_KEY_MAX; key++)
		if (key != FLOWS_RULE || list->has_rules)
			put_totals(list, &totals[key]);
	puts("}");
}
