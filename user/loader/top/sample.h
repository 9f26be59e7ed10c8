/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What top reads at one moment: the open flows of the relays, the audited flows, and what the data
 * path counted for each rule. Asks each relay once. Reads only; must not print.
 */
#ifndef TPROXY_LOADER_TOP_SAMPLE_H
#define TPROXY_LOADER_TOP_SAMPLE_H

#include "lib/flows/report.h"
#include "loader/flows/naming.h"

struct top_counted {
	int index;
	char name[TPROXY_NAME_LEN];   /* printable */
	const struct flow_rule *rule; /* borrowed, as in the list */
	struct tproxy_rulestat stat;
};

struct top_sample {
	uint64_t ms;           /* when, as monotonic_ms */
	struct flow_list list; /* audited flows have a relay without a name */
	bool attached;
	bool relayed;                 /* at least one relay answered */
	char no_flows[FLOWS_WHY_LEN]; /* why the list is empty or not complete; "" */
	char no_rules[FLOWS_WHY_LEN]; /* why there are no rules; "" */
	struct top_counted rules[TPROXY_MAX_RULES];
	size_t n_rules;
	uint64_t drops; /* packets, of all reasons */
	__u32 state;    /* id of the map `counters`: figures of another one cannot be compared */
};

/* Kept between samples. */
struct top_source {
	struct app *app;
	struct naming naming;
	bool named;          /* naming is open */
	uint64_t naming_due; /* when the policy is read again, as monotonic_ms */
	__u32 naming_state, naming_generation;
};

/*
 * ret_sample: names of rules are borrowed from the source until the next sample. What cannot be
 * had is empty and has its sentence. top_sample_free in any case.
 */
void top_sample_take(struct top_source *source, struct top_sample *ret_sample);
void top_sample_free(struct top_sample *sample);
void top_source_close(struct top_source *source);

#endif
