/* SPDX-License-Identifier: BSD-2-Clause */
/* Totals of a list by one key. Pure. */
#include <string.h>

#include "lib/flows/list.h"
#include "lib/util.h"

const char *const flow_key_names[FLOWS_KEY_MAX] = { "total", "client", "destination", "rule" };

/* By address; the port of a client means nothing. */
static int by_client(const void *a, const void *b)
{
	const struct flow_total *x = a, *y = b;
	const struct flows_address *s = &x->first->record.client, *t = &y->first->record.client;
	int r = s->family - t->family;

	if (!r)
		r = memcmp(s->addr, t->addr, sizeof(s->addr));
	return r ? r : (s->scope > t->scope) - (s->scope < t->scope);
}

static int by_destination(const void *a, const void *b)
{
	const struct flows_record *x = &((const struct flow_total *)a)->first->record;
	const struct flows_record *y = &((const struct flow_total *)b)->first->record;
	int r = x->proto - y->proto;

	return r ? r : memcmp(&x->dst, &y->dst, sizeof(x->dst));
}

/* A rule and a pool may have the same name. */
static int by_rule(const void *a, const void *b)
{
	const struct flow_rule *x = ((const struct flow_total *)a)->first->rule;
	const struct flow_rule *y = ((const struct flow_total *)b)->first->rule;
	int r;

	if (!x || !y)
		return (x != NULL) - (y != NULL);
	r = (x->action != NULL) - (y->action != NULL);
	return r ? r : strcmp(x->name, y->name);
}

static int as_one(const void *a, const void *b)
{
	(void)a;
	(void)b;
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	const struct flow_total *x = a, *y = b;
	uint64_t m = x->bytes_up + x->bytes_down, n = y->bytes_up + y->bytes_down;

	if (m != n)
		return m > n ? -1 : 1;
	return (y->flows > x->flows) - (y->flows < x->flows);
}

static void merge(struct flow_total *to, const struct flow_total *from)
{
	to->flows += from->flows;
	to->bytes_up += from->bytes_up;
	to->bytes_down += from->bytes_down;
	to->rate_up += from->rate_up;
	to->rate_down += from->rate_down;
}

/* One for each flow, sorted by the key; then neighbours with the same one are merged. */
int flow_totals_make(const struct flow_list *list, enum flow_key key,
		     struct flow_totals *ret_totals)
{
	static int (*const orders[])(const void *a, const void *b) = {
		[FLOWS_TOTAL] = as_one,
		[FLOWS_CLIENT] = by_client,
		[FLOWS_DESTINATION] = by_destination,
		[FLOWS_RULE] = by_rule,
	};
	struct flow_total *items = calloc(list->n + 1, sizeof(*items));
	size_t n = 0;

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		const struct flow_entry *e = &list->items[i];

		items[i] = (struct flow_total){ .first = e,
						.flows = 1,
						.bytes_up = e->record.bytes_up,
						.bytes_down = e->record.bytes_down,
						.rate_up = e->rate_up,
						.rate_down = e->rate_down };
	}
	qsort(items, list->n, sizeof(*items), orders[key]);
	for (size_t i = 1; i < list->n; i++) {
		if (!orders[key](&items[n], &items[i]))
			merge(&items[n], &items[i]);
		else
			items[++n] = items[i];
	}
	n = list->n || key == FLOWS_TOTAL ? n + 1 : 0;
	qsort(items, n, sizeof(*items), by_bytes);
	*ret_totals = (struct flow_totals){ .key = key, .items = items, .n = n };
	return 0;
}

void flow_totals_free(struct flow_totals *totals)
{
	free(totals->items);
	*totals = (struct flow_totals){ .n = 0 };
}
