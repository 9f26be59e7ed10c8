/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/flows/list.h"

#include <string.h>

#include "lib/flows/ask.h"
#include "lib/util.h"

/* Between the ages that a relay reports and our clock. */
#define AGE_SLACK_MS 1000

const char *const flow_order_names[FLOWS_ORDER_MAX] = { "age", "bytes", "rate" };

/* ---- filling ------------------------------------------------------------ */

int flow_list_open(struct flow_list *list, const char *only)
{
	int err;

	*list = (struct flow_list){ .n = 0 };
	err = flows_relays(&list->relays, &list->n_relays);
	if (err)
		return err;
	for (size_t i = 0; only && i < list->n_relays; i++) {
		if (strcmp(list->relays[i].name, only))
			continue;
		list->relays[0] = list->relays[i];
		list->n_relays = 1;
		return 0;
	}
	if (only && list->n_relays)
		return -ENODEV;
	return list->n_relays ? 0 : -ENOENT;
}

static uint64_t per_second(uint64_t bytes, uint64_t ms)
{
	/* In this order there is no overflow, and flows of less than a second get no huge rate. */
	return ms < 1000 ? bytes : (uint64_t)((double)bytes * 1000 / (double)ms);
}

int flow_list_add(struct flow_list *list, unsigned int relay, const struct flows_record *record)
{
	int err = array_room((void **)&list->items, list->n, &list->room, sizeof(*list->items));

	if (err)
		return err;
	list->items[list->n++] = (struct flow_entry){
		.record = *record,
		.relay = relay,
		.rate_up = per_second(record->bytes_up, record->age_ms),
		.rate_down = per_second(record->bytes_down, record->age_ms),
	};
	return 0;
}

bool flow_list_has_forwarded(const struct flow_list *list)
{
	return list->n_relays && !*list->relays[list->n_relays - 1].name;
}

struct filling {
	struct flow_list *list;
	unsigned int relay;
};

static int add_record(const struct flows_record *record, void *arg)
{
	const struct filling *filling = arg;

	return flow_list_add(filling->list, filling->relay, record);
}

int flow_list_fill(struct flow_list *list, const struct flows_filter *filter,
		   const struct flows_relay **ret_failed)
{
	for (unsigned int i = 0; i < list->n_relays; i++) {
		struct filling filling = { list, i };
		struct flows_answer answer;
		int err = flows_ask(list->relays[i].name, FLOWS_LIST, filter, add_record, &filling,
				    &answer);

		if (err) {
			*ret_failed = &list->relays[i];
			return err;
		}
		list->silent += answer.silent;
	}
	return 0;
}

void flow_list_free(struct flow_list *list)
{
	free(list->items);
	free(list->relays);
	*list = (struct flow_list){ .n = 0 };
}

/* ---- order and rates ---------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_id(const void *a, const void *b)
{
	const struct flow_entry *x = a, *y = b;

	if (x->relay != y->relay)
		return x->relay < y->relay ? -1 : 1;
	return compare(x->record.id, y->record.id);
}

static int by_age(const void *a, const void *b)
{
	const struct flow_entry *x = a, *y = b;
	int r = compare(y->record.age_ms, x->record.age_ms);

	return r ? r : by_id(a, b);
}

static int by_bytes(const void *a, const void *b)
{
	const struct flows_record *x = &((const struct flow_entry *)a)->record;
	const struct flows_record *y = &((const struct flow_entry *)b)->record;
	int r = compare(y->bytes_up + y->bytes_down, x->bytes_up + x->bytes_down);

	return r ? r : by_age(a, b);
}

static int by_rate(const void *a, const void *b)
{
	const struct flow_entry *x = a, *y = b;
	int r = compare(y->rate_up + y->rate_down, x->rate_up + x->rate_down);

	return r ? r : by_bytes(a, b);
}

static void sort_by(struct flow_list *list, int (*order)(const void *a, const void *b))
{
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), order);
}

void flow_list_sort(struct flow_list *list, enum flow_order order)
{
	static int (*const orders[])(const void *a, const void *b) = {
		[FLOWS_BY_AGE] = by_age, [FLOWS_BY_BYTES] = by_bytes, [FLOWS_BY_RATE] = by_rate
	};

	sort_by(list, orders[order]);
}

/* A relay that was killed and started again numbers its flows from the beginning. */
static bool is_later(const struct flows_record *now, const struct flows_record *before)
{
	return now->age_ms >= before->age_ms && now->bytes_up >= before->bytes_up &&
	       now->bytes_down >= before->bytes_down;
}

static uint64_t rate_of(uint64_t bytes, uint64_t ms)
{
	return (uint64_t)((double)bytes * 1000 / (double)(ms ? ms : 1));
}

/*
 * A flow that began in between has had all of its bytes in this time. One that is older, but was
 * not in the earlier list, keeps its average: a relay may have been away.
 */
void flow_list_sample(struct flow_list *list, struct flow_list *earlier, uint64_t ms)
{
	sort_by(list, by_id);
	sort_by(earlier, by_id);
	for (size_t i = 0, j = 0; i < list->n; i++) {
		struct flow_entry *entry = &list->items[i];
		uint64_t up = entry->record.bytes_up, down = entry->record.bytes_down;

		while (j < earlier->n && by_id(&earlier->items[j], entry) < 0)
			j++;
		if (j < earlier->n && !by_id(&earlier->items[j], entry) &&
		    is_later(&entry->record, &earlier->items[j].record)) {
			up -= earlier->items[j].record.bytes_up;
			down -= earlier->items[j].record.bytes_down;
		} else if (entry->record.age_ms > ms + AGE_SLACK_MS) {
			continue;
		}
		entry->rate_up = rate_of(up, ms);
		entry->rate_down = rate_of(down, ms);
	}
	list->sampled_ms = ms;
}
