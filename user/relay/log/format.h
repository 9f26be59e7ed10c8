/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines of the log, as text or as JSON: records of flows and messages of the daemon. Pure;
 * must not know where lines go.
 */
#ifndef TPROXY_RELAY_LOG_FORMAT_H
#define TPROXY_RELAY_LOG_FORMAT_H

#include <stddef.h>
#include <time.h>

#include "relay/log/flowrecord.h"
#include "relay/log/level.h"

#define FORMAT_LINE_MAX 1024 /* bytes of the longest line */

/* Each returns the length of the line in buf (FORMAT_LINE_MAX bytes), newline included. */
size_t format_flow_end(enum record_format format, const struct timespec *now,
		       const struct flow_record *flow, char *buf);
size_t format_flow_start(enum record_format format, const struct timespec *now,
			 const struct flow_record *flow, char *buf);
size_t format_flow_count(enum record_format format, const struct timespec *now,
			 const struct flow_count *count, char *buf);
size_t format_message(enum record_format format, const struct timespec *now,
		      enum record_level level, const char *text, char *buf);

#endif
