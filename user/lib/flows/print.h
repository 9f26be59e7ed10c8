/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list of flows and its totals on standard output, for people (print.c) and as one JSON object
 * (print_json.c). Must not choose what is shown.
 */
#ifndef TPROXY_LIB_FLOWS_PRINT_H
#define TPROXY_LIB_FLOWS_PRINT_H

#include "lib/flows/list.h"

/* The first `limit` flows as a table; an empty list is one line. */
void flows_print_list(const struct flow_list *list, size_t limit);

/* The first `limit` totals as a table, below the name of the key. */
void flows_print_totals(const struct flow_list *list, const struct flow_totals *totals,
			size_t limit);

/* One line about all flows. */
void flows_print_sum(const struct flow_list *list, const struct flow_totals *all,
		     const struct flow_totals *clients, const struct flow_totals *destinations);

/* totals: those of each key, up to FLOWS_RULE; `limit` concerns the flows. */
void flows_print_json(const struct flow_list *list, const struct flow_totals *totals, size_t limit);

#endif
