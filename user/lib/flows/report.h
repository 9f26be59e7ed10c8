/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `tproxy-relay --list` and `tproxy-loader flows` have in common: the open flows are collected
 * from the running relays, and printed. Must not know options, nor rules: between the two steps a
 * caller may name the rule of each flow.
 */
#ifndef TPROXY_LIB_FLOWS_REPORT_H
#define TPROXY_LIB_FLOWS_REPORT_H

#include "lib/flows/list.h"

struct flow_report {
	struct flows_filter filter;
	const char *relay; /* only this one; NULL: all */
	enum flow_order order;
	enum flow_key key;      /* FLOWS_TOTAL: the flows; else only the totals of this key */
	size_t limit;           /* of what is printed; SIZE_MAX: none */
	unsigned int sample_ms; /* rates of this time, for which the call waits; 0: averages */
	bool json;
	/*
	 * Adds flows that no relay has, or NULL. 0, also where there are none; -ENOENT: there
	 * cannot be any; -errno.
	 */
	int (*forwarded)(struct flow_list *list, const struct flows_filter *filter, void *arg);
	void *arg;
};

#define FLOWS_WHY_LEN 256

/* Fills the list. 0, or -errno with a sentence in ret_why; flow_list_free in any case. */
int flow_report_collect(const struct flow_report *report, struct flow_list *list, char *ret_why);

/* On standard output. 0 or -errno: it could not be written. */
int flow_report_print(const struct flow_report *report, struct flow_list *list);

/* Why `relay` (NULL: all) did not answer as it should: one sentence in ret_why. err: -errno. */
void flow_report_explain(int err, const char *relay, char *ret_why);

#endif
