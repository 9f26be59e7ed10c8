/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/record.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "relay/log/format.h"
#include "relay/log/sink.h"

/* Set once by record_open, before there are threads. */
static enum record_format log_format;
static enum record_level log_threshold = RECORD_INFO;

static struct timespec time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now;
}

static size_t report_event(enum sink_event event, uint64_t count, char *buf, size_t size)
{
	char line[FORMAT_LINE_MAX];
	char text[128];
	struct timespec now = time_now();
	size_t len;

	if (event == SINK_LOST)
		snprintf(text, sizeof(text), "%" PRIu64 " log lines were lost", count);
	else
		snprintf(text, sizeof(text),
			 "log file: the one in use until now was deleted, and its lines with it");
	len = format_message(log_format, &now, RECORD_WARN, text, line);
	if (len > size)
		len = size;
	memcpy(buf, line, len);
	return len;
}

int record_open(const char *path, enum record_format format, enum record_level level)
{
	log_format = format;
	log_threshold = level;
	return sink_open(path, report_event);
}

bool record_limit_take(struct record_limit *limit, uint64_t now)
{
	uint64_t begin = atomic_load(&limit->begin);
	/* Unsigned: a clock that was set back opens a new window. */
	bool over = !begin || now - begin >= limit->window_ms;

	/* One of the threads that come here opens the next window. */
	if (over && atomic_compare_exchange_strong(&limit->begin, &begin, now)) {
		unsigned int count = atomic_exchange(&limit->count, 0);

		if (count > limit->max)
			record_say(RECORD_WARN, "%u more %s were not logged", count - limit->max,
				   limit->what);
	}
	return atomic_fetch_add(&limit->count, 1) < limit->max;
}

/*
 * Flows that were never relayed: refused, over a limit, or (UDP, where each datagram is one then)
 * without a route to the destination.
 */
static bool is_refusal(const struct flow_record *flow)
{
	return flow->end == END_REFUSED || flow->end == END_LIMIT ||
	       (flow->end == END_CONNECT_FAILED && flow->proto == IPPROTO_UDP);
}

void record_flow_end(const struct flow_record *flow)
{
	static _Thread_local struct record_limit refusals = { .what = "refused flows",
							      .max = RECORD_REFUSALS_PER_S,
							      .window_ms = 1000 };
	char line[FORMAT_LINE_MAX];
	struct timespec now;

	if (log_threshold > RECORD_INFO)
		return;
	now = time_now();
	if (is_refusal(flow) &&
	    !record_limit_take(&refusals, (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000))
		return;
	sink_write(line, format_flow_end(log_format, &now, flow, line));
}

void record_flow_start(const struct flow_record *flow)
{
	char line[FORMAT_LINE_MAX];
	struct timespec now;

	if (log_threshold > RECORD_DEBUG)
		return;
	now = time_now();
	sink_write(line, format_flow_start(log_format, &now, flow, line));
}

void record_say(enum record_level level, const char *fmt, ...)
{
	char line[FORMAT_LINE_MAX];
	char text[512];
	struct timespec now;
	va_list ap;

	if (level < log_threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	now = time_now();
	sink_write(line, format_message(log_format, &now, level, text, line));
}
