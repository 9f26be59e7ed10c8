/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where events go: standard output as lines or as JSON, and standard error for what is lost. Owns no
 * event.
 */
#ifndef TPROXY_LOADER_TRACE_OUTPUT_H
#define TPROXY_LOADER_TRACE_OUTPUT_H

#include "loader/trace/view.h"

struct trace_output {
	bool json;
	bool closed;        /* the reader is gone, or writing failed: `error` says why */
	int error;          /* errno of the failure; EPIPE: the reader has enough */
	unsigned int width; /* of the column of flows */
	__u64 shown;
};

/* What became of the packets that matched: their number is the sum of the others. */
struct trace_summary {
	__u64 matched, shown, lost;
	__u64 unshown;    /* after --count, or after the reader was gone */
	__u64 unreadable; /* not matched: headers that could not be read */
};

void trace_output_begin(struct trace_output *out);
void trace_output_event(struct trace_output *out, const struct trace_view *view);
/* n events were lost in the last second. */
void trace_output_lost(struct trace_output *out, __u64 n);
/* Everything is written; call it before waiting. */
void trace_output_flush(struct trace_output *out);
void trace_output_end(struct trace_output *out, const struct trace_summary *summary);

#endif
