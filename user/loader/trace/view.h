/* SPDX-License-Identifier: BSD-2-Clause */
/* An event with everything that is to be shown, and its output as a line of text or as JSON. */
#ifndef TPROXY_LOADER_TRACE_VIEW_H
#define TPROXY_LOADER_TRACE_VIEW_H

#include <json-c/json.h>
#include <net/if.h>

#include "loader/trace/cause.h"
#include "loader/trace/names.h"
#include "loader/trace/verdict.h"

struct trace_view {
	const struct trace_event *event;
	const struct trace_call *call; /* the same; NULL: it is of another kind */
	enum trace_verdict verdict;
	struct timespec time;        /* CLOCK_REALTIME */
	char interface[IF_NAMESIZE]; /* "local": a call of a process here */
	char out[IF_NAMESIZE];       /* of a drop: where it was about to leave */
	char command[16];            /* of a call: as its thread names itself, made printable */
	bool unbound;                /* a call: its source address is not known yet */
	const char *rule;            /* empty: none */
	const char *reason;          /* of a drop, likewise */
	const char *function;
	bool marked;                   /* a drop: it has our mark */
	bool answer;                   /* a drop: it comes from this host */
	struct listener_name listener; /* that was chosen; cookie 0: none */
	struct cause cause;
};

/* mask: the bits of the packet mark that are ours. Points to `event` and into `names`. */
void trace_view_make(struct trace_view *ret_view, const struct trace_event *event,
		     struct names *names, __u32 mask);

/* TEXT: one line, with its end. width: of the column of flows, which grows. */
#define TRACE_LINE_LEN 640
void trace_view_text(const struct trace_view *view, unsigned int *width, char *buf);
extern const char trace_view_heading[];

struct json_object *trace_view_json(const struct trace_view *view);

/* "2026-11-29T10:00:00.123456Z" */
#define TRACE_TIME_LEN 40
char *trace_time(const struct timespec *time, char *buf);

#endif
