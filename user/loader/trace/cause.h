/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a verdict or a drop means: one sentence, and the problem that `doctor --explain` describes.
 * Pure: the table of drop signatures, and of our own counters that need an explanation.
 */
#ifndef TPROXY_LOADER_TRACE_CAUSE_H
#define TPROXY_LOADER_TRACE_CAUSE_H

#include <stdbool.h>

#include "tproxy_trace.h"

/* A drop of the kernel. */
struct drop_site {
	const char *reason;   /* of enum skb_drop_reason, without prefix; empty: unknown */
	const char *function; /* where; without the suffixes of the compiler; empty: unknown */
	bool marked;          /* it still has our mark */
	bool assigned;        /* a socket is assigned to it */
	bool answer;          /* it comes from this host */
};

struct cause {
	const char *text; /* NULL: nothing to explain */
	const char *id;   /* of a problem; NULL: none */
};

struct cause cause_of_drop(const struct drop_site *site);
/* counters: bits of enum tproxy_counter. */
struct cause cause_of_counters(__u64 counters);
/* Of what no counter says; NULL: the counters say it. why: enum trace_call_why. */
const char *cause_call_reason(__u8 why);
struct cause cause_of_call(const struct trace_call *call);
/* The listener that was chosen is not transparent. */
struct cause cause_not_transparent(void);

#endif
