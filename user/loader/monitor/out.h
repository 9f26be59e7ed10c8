/* SPDX-License-Identifier: BSD-2-Clause */
/* One line for each event, as text or as a JSON object. Must not know what happened. */
#ifndef TPROXY_LOADER_MONITOR_OUT_H
#define TPROXY_LOADER_MONITOR_OUT_H

#include <json-c/json.h>

#include "lib/util.h"

struct monitor_out {
	bool json;
	bool failed;         /* standard output takes no more */
	unsigned long count; /* events so far */
	unsigned long limit; /* 0: none */
};

bool monitor_out_is_full(const struct monitor_out *out);

/*
 * event: a word; detail: an object with further keys, which this takes over, or NULL. The rest is a
 * sentence for people. at: CLOCK_REALTIME; NULL: now. Prints nothing once the limit is reached.
 */
void monitor_say(struct monitor_out *out, const struct timespec *at, const char *event,
		 struct json_object *detail, const char *fmt, ...) __printf(5, 6);

/* For detail. All text comes out as printable ASCII. */
struct json_object *monitor_detail(void);
void monitor_add_text(struct json_object *detail, const char *key, const char *text);
void monitor_add_number(struct json_object *detail, const char *key, uint64_t number);

#endif
