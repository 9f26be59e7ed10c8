/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/record.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "relay/log/due.h"
#include "relay/log/format.h"
#include "relay/log/sink.h"
#include "relay/log/tally.h"
#include "relay/log/throttle.h"

/* From the first record that is left out until the counts are reported. */
#define REPORT_AFTER_MS 5000

/* Set once by record_open, before there are threads. */
static enum record_format log_format;
static enum record_level log_threshold = RECORD_INFO;

/* Set by record_choose at any time. */
static _Atomic bool log_begin;
static _Atomic uint8_t client_prefix6 = 64;

static struct {
	pthread_mutex_t lock;
	struct throttle *table; /* NULL: nothing is left out */
	uint64_t since;         /* ms; when the first record was left out, 0: none was */
} failures = { .lock = PTHREAD_MUTEX_INITIALIZER };

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
	int err = sink_open(path, report_event);

	log_format = format;
	log_threshold = level;
	if (!err)
		err = due_open();
	if (!err && !failures.table)
		failures.table = throttle_new();
	return err || failures.table ? err : -ENOMEM;
}

void record_choose(bool begin, uint8_t prefix6)
{
	atomic_store(&log_begin, begin);
	atomic_store(&client_prefix6, prefix6);
}

/* ---- flows -------------------------------------------------------------- */

/*
 * A flow that did not get to its server, or got no byte from there and failed. Anybody who may dial
 * can cause any number of them at no cost.
 */
static bool is_failure(const struct flow_record *flow)
{
	if (flow->bytes_down || flow->datagrams_down)
		return false;
	switch (flow->end) {
	case END_CONNECT_FAILED:
	case END_CONNECT_TIMEOUT:
	case END_REFUSED:
	case END_LIMIT:
	case END_EVICTED:
	case END_ERROR:
		return true;
	default:
		return !flow->relayed;
	}
}

static bool may_write(const struct flow_record *flow)
{
	union saddr client = saddr_client(&flow->client, atomic_load(&client_prefix6));
	uint64_t now = monotonic_ms();
	bool taken, first;

	pthread_mutex_lock(&failures.lock);
	taken = !failures.table || throttle_take(failures.table, &client, flow->end, now);
	first = !taken && !failures.since;
	if (first)
		failures.since = now;
	pthread_mutex_unlock(&failures.lock);
	if (first)
		due_in(REPORT_AFTER_MS);
	return taken;
}

/* Not one that a limit of the configuration ended, which has its reason. */
static bool is_shortage(const struct flow_record *flow)
{
	return flow->end == END_EVICTED || (flow->end == END_LIMIT && !flow->reason);
}

void record_flow_end(const struct flow_record *flow)
{
	char line[FORMAT_LINE_MAX];
	struct timespec now;

	if (is_shortage(flow))
		tally_add(TALLY_LIMITED, 1);
	if (log_threshold > RECORD_INFO || (is_failure(flow) && !may_write(flow)))
		return;
	now = time_now();
	sink_write(line, format_flow_end(log_format, &now, flow, line));
}

bool record_has_begins(void)
{
	return log_threshold <= (atomic_load(&log_begin) ? RECORD_INFO : RECORD_DEBUG);
}

void record_flow_start(const struct flow_record *flow)
{
	char line[FORMAT_LINE_MAX];
	struct timespec now;

	if (!record_has_begins())
		return;
	now = time_now();
	sink_write(line, format_flow_start(log_format, &now, flow, line));
}

/* ---- what was left out -------------------------------------------------- */

int record_due_fd(void)
{
	return due_fd();
}

static void report_limit(const char *what, unsigned int count)
{
	record_say(RECORD_WARN, "%u more %s were not logged", count, what);
}

/* Returns how many there are, and in ret_ms the time since the first one. */
static size_t take_failures(bool all, struct flow_count *ret_counts, uint64_t *ret_ms)
{
	uint64_t now = monotonic_ms();
	size_t n = 0;

	pthread_mutex_lock(&failures.lock);
	*ret_ms = now - failures.since;
	if (failures.since && (all || *ret_ms >= REPORT_AFTER_MS)) {
		n = throttle_collect(failures.table, ret_counts);
		failures.since = 0;
	} else if (failures.since) {
		due_in(REPORT_AFTER_MS - *ret_ms);
	}
	pthread_mutex_unlock(&failures.lock);
	return n;
}

static void report_failures(bool all)
{
	struct flow_count counts[THROTTLE_COUNTS_MAX];
	char line[FORMAT_LINE_MAX];
	struct timespec now = time_now();
	uint64_t ms;
	size_t n = take_failures(all, counts, &ms);

	for (size_t i = 0; i < n; i++) {
		counts[i].prefix6 = atomic_load(&client_prefix6);
		counts[i].seconds = (ms + 999) / 1000;
		sink_write(line, format_flow_count(log_format, &now, &counts[i], line));
	}
}

void record_report(void)
{
	due_done();
	limits_report(false, report_limit);
	report_failures(false);
}

void record_report_all(void)
{
	limits_report(true, report_limit);
	report_failures(true);
}

void record_close(void)
{
	due_close();
	throttle_free(failures.table);
	failures.table = NULL;
}

/* ---- messages ----------------------------------------------------------- */

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
