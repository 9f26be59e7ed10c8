/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The open flows of all relays of this network namespace, in memory: collected, sorted, with rates
 * and totals. Must not print, nor know rules: a caller may name the rule of each flow.
 */
#ifndef TPROXY_LIB_FLOWS_LIST_H
#define TPROXY_LIB_FLOWS_LIST_H

#include "lib/flows/proto.h"
#include "lib/flows/relays.h"

/* What takes a flow. */
struct flow_rule {
	const char *name;
	const char *action; /* of the rule; NULL: the name is that of a pool */
};

struct flow_entry {
	struct flows_record record;
	uint64_t rate_up; /* bytes a second */
	uint64_t rate_down;
	unsigned int relay;           /* in `relays` of the list; without a name: forwarded */
	const struct flow_rule *rule; /* borrowed; NULL: none, or not known */
};

struct flow_list {
	struct flow_entry *items;
	size_t n, room;
	struct flows_relay *relays;
	size_t n_relays;
	unsigned int silent; /* processes whose answer is not complete */
	uint64_t sampled_ms; /* the rates are those of this time; 0: averages since each begin */
	bool has_rules;      /* `rule` means something */
};

enum flow_order { FLOWS_BY_AGE, FLOWS_BY_BYTES, FLOWS_BY_RATE, FLOWS_ORDER_MAX };
extern const char *const flow_order_names[FLOWS_ORDER_MAX];

/*
 * The relays alone: `only` one of them, or NULL: all. 0 or -errno as flows_relays; -ENOENT: there is
 * none, -ENODEV: there are others only. flow_list_free in any case.
 */
int flow_list_open(struct flow_list *list, const char *only);

/*
 * Asks each of them; on failure *ret_failed is the one that did not answer. -errno as flows_ask, or
 * -ENOMEM.
 */
int flow_list_fill(struct flow_list *list, const struct flows_filter *filter,
		   const struct flows_relay **ret_failed);

/* Appends a flow, with its average rates, of relays[relay]. 0 or -ENOMEM. */
int flow_list_add(struct flow_list *list, unsigned int relay, const struct flows_record *record);

/* Flows that no relay has: the last of its relays has no name then. */
bool flow_list_has_forwarded(const struct flow_list *list);

/* The rates of `list` from one that was filled ms earlier. */
void flow_list_sample(struct flow_list *list, struct flow_list *earlier, uint64_t ms);

/* The oldest first, or those with the most first. */
void flow_list_sort(struct flow_list *list, enum flow_order order);
void flow_list_free(struct flow_list *list);
#define __cleanup_flow_list __attribute__((cleanup(flow_list_free)))

/* ---- totals ------------------------------------------------------------- */

enum flow_key { FLOWS_TOTAL, FLOWS_CLIENT, FLOWS_DESTINATION, FLOWS_RULE, FLOWS_KEY_MAX };
extern const char *const flow_key_names[FLOWS_KEY_MAX];

/* Of all flows with one client, destination (address and port), or rule. */
struct flow_total {
	const struct flow_entry *first; /* one of them: shows the value of the key */
	uint64_t flows;
	uint64_t bytes_up, bytes_down;
	uint64_t rate_up, rate_down;
};

struct flow_totals {
	enum flow_key key;
	struct flow_total *items;
	size_t n;
};

/* Those with the most bytes first. FLOWS_TOTAL: one, of all flows. 0 or -ENOMEM. */
int flow_totals_make(const struct flow_list *list, enum flow_key key,
		     struct flow_totals *ret_totals);
void flow_totals_free(struct flow_totals *totals);
#define __cleanup_flow_totals __attribute__((cleanup(flow_totals_free)))

#endif
