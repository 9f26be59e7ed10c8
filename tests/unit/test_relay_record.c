/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of the relay's log: text, JSON, times, escaping, limits, lost lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "address.h"
#include "relay/log/format.h"
#include "relay/log/record.h"
#include "relay/log/sink.h"
#include "relay/log/throttle.h"
#include "relay/log/timestamp.h"

static const struct timespec now = { .tv_sec = 1795242600, .tv_nsec = 123456789 };
static char line[FORMAT_LINE_MAX];

static struct flow_record example(void)
{
	struct flow_record f = { .id = 17,
				 .proto = IPPROTO_TCP,
				 .client = address("10.77.1.2", 41234),
				 .dst = address("10.77.2.2", 22),
				 .source = address("10.77.2.1", 50012),
				 .bytes_up = 3201,
				 .bytes_down = 8043,
				 .duration_ms = 1204,
				 .end = END_CLIENT_FIN };

	return f;
}

static const char *text_of(size_t len)
{
	assert_true(len > 0 && len < FORMAT_LINE_MAX);
	assert_int_equal(line[len - 1], '\n');
	line[len - 1] = '\0';
	return line;
}

static void test_text(void **state)
{
	struct flow_record f = example();

	(void)state;
	assert_string_equal(text_of(format_flow_end(RECORD_TEXT, &now, &f, line)),
			    "2026-11-21T06:30:00.123Z tcp 10.77.1.2:41234 -> 10.77.2.2:22 "
			    "via 10.77.2.1:50012 up=3201 down=8043 dur=1.204 end=client-fin");
	assert_string_equal(text_of(format_flow_start(RECORD_TEXT, &now, &f, line)),
			    "2026-11-21T06:30:00.123Z tcp 10.77.1.2:41234 -> 10.77.2.2:22 "
			    "via 10.77.2.1:50012 start");
	f.loop = true;
	assert_string_equal(text_of(format_flow_end(RECORD_TEXT, &now, &f, line)),
			    "2026-11-21T06:30:00.123Z tcp 10.77.1.2:41234 -> 10.77.2.2:22 "
			    "via 10.77.2.1:50012 up=3201 down=8043 dur=1.204 end=client-fin loop");
	assert_string_equal(text_of(format_flow_start(RECORD_TEXT, &now, &f, line)),
			    "2026-11-21T06:30:00.123Z tcp 10.77.1.2:41234 -> 10.77.2.2:22 "
			    "via 10.77.2.1:50012 start loop");
}

static void test_text_failure(void **state)
{
	struct flow_record f = example();

	(void)state;
	f.source.sa.sa_family = 0;
	f.bytes_up = f.bytes_down = f.duration_ms = 0;
	f.end = END_CONNECT_FAILED;
	f.err = EHOSTUNREACH;
	assert_non_null(strstr(text_of(format_flow_end(RECORD_TEXT, &now, &f, line)),
			       "10.77.2.2:22 up=0 down=0 dur=0.000 end=connect-failed "
			       "errno=EHOSTUNREACH"));
	f.err = 0;
	f.end = END_REFUSED;
	f.reason = "own-listener";
	assert_non_null(strstr(text_of(format_flow_end(RECORD_TEXT, &now, &f, line)),
			       "end=refused reason=own-listener"));
}

static void test_json(void **state)
{
	struct flow_record f = example();

	(void)state;
	assert_string_equal(
		text_of(format_flow_end(RECORD_JSON, &now, &f, line)),
		"{\"schema\":1,\"time\":\"2026-11-21T06:30:00.123Z\",\"event\":\"flow\",\"id\":17,"
		"\"proto\":\"tcp\",\"client\":\"10.77.1.2\",\"client_port\":41234,"
		"\"dst\":\"10.77.2.2\",\"dst_port\":22,\"source\":\"10.77.2.1\","
		"\"source_port\":50012,\"bytes_up\":3201,\"bytes_down\":8043,"
		"\"duration_ms\":1204,\"end\":\"client-fin\"}");
	f.source.sa.sa_family = 0;
	f.proto = IPPROTO_UDP;
	assert_string_equal(
		text_of(format_flow_start(RECORD_JSON, &now, &f, line)),
		"{\"schema\":1,\"time\":\"2026-11-21T06:30:00.123Z\",\"event\":\"flow-start\","
		"\"id\":17,\"proto\":\"udp\",\"client\":\"10.77.1.2\",\"client_port\":41234,"
		"\"dst\":\"10.77.2.2\",\"dst_port\":22}");
	f.loop = true;
	assert_non_null(strstr(text_of(format_flow_start(RECORD_JSON, &now, &f, line)),
			       "\"dst_port\":22,\"loop\":true}"));
	assert_non_null(strstr(text_of(format_flow_end(RECORD_JSON, &now, &f, line)),
			       "\"end\":\"client-fin\",\"loop\":true}"));
}

/* A pool's address: both what the client dialled and where that went. */
static void test_pool(void **state)
{
	struct flow_record f = example();

	(void)state;
	assert_ptr_equal(flow_goes_to(&f), &f.dst);
	f.server = address("10.77.3.3", 2222);
	assert_ptr_equal(flow_goes_to(&f), &f.server);
	assert_non_null(strstr(text_of(format_flow_end(RECORD_TEXT, &now, &f, line)),
			       " -> 10.77.2.2:22 for 10.77.3.3:2222 via 10.77.2.1:50012 up="));
	assert_non_null(strstr(text_of(format_flow_end(RECORD_JSON, &now, &f, line)),
			       "\"dst\":\"10.77.2.2\",\"dst_port\":22,\"server\":\"10.77.3.3\","
			       "\"server_port\":2222,\"source\":\"10.77.2.1\""));
}

static void test_message(void **state)
{
	(void)state;
	assert_string_equal(
		text_of(format_message(RECORD_TEXT, &now, RECORD_WARN, "a \"b\"\nc", line)),
		"2026-11-21T06:30:00.123Z warn a \"b\"\\u000ac");
	assert_string_equal(
		text_of(format_message(RECORD_JSON, &now, RECORD_INFO, "a \"b\"\\\n", line)),
		"{\"schema\":1,\"time\":\"2026-11-21T06:30:00.123Z\",\"event\":"
		"\"message\",\"level\":\"info\","
		"\"message\":\"a \\\"b\\\"\\\\\\u000a\"}");
}

/* However long the text, the line is whole. */
static void test_long_message(void **state)
{
	char text[2 * FORMAT_LINE_MAX];
	size_t len;

	(void)state;
	memset(text, '\001', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	len = format_message(RECORD_JSON, &now, RECORD_INFO, text, line);
	assert_true(len <= FORMAT_LINE_MAX);
	assert_memory_equal(line + len - 3, "\"}\n", 3);
}

static unsigned int conversions;

/* Counts, in place of libc's. */
struct tm *gmtime_r(const time_t *time, struct tm *ret_tm)
{
	static struct tm *(*real)(const time_t *, struct tm *);

	if (!real)
		real = dlsym(RTLD_NEXT, "gmtime_r");
	conversions++;
	return real(time, ret_tm);
}

static void assert_time(time_t t, const char *expected)
{
	struct timespec when = { .tv_sec = t };
	const char *got = text_of(format_message(RECORD_TEXT, &when, RECORD_INFO, "", line));

	assert_memory_equal(got, expected, strlen(expected));
}

static void test_times(void **state)
{
	(void)state;
	assert_time(0, "1970-01-01T00:00:00.000Z");
	assert_time(951782399, "2000-02-28T23:59:59.000Z");
	assert_time(951782400, "2000-02-29T00:00:00.000Z");
	assert_time(951868800, "2000-03-01T00:00:00.000Z");
	assert_time(1704067199, "2023-12-31T23:59:59.000Z");
	assert_time(4107542400, "2100-03-01T00:00:00.000Z");
	assert_time(1709164800, "2024-02-29T00:00:00.000Z");
}

static const char *time_of(time_t s, long ns)
{
	static char text[64];
	struct textbuf t = { .buf = text, .size = sizeof(text) - 1 };
	const struct timespec when = { .tv_sec = s, .tv_nsec = ns };

	timestamp_add(&t, &when);
	text[t.len] = '\0';
	return text;
}

/* libc converts each second only once, but the milliseconds are right. */
static void test_one_conversion_a_second(void **state)
{
	unsigned int before;

	(void)state;
	time_of(1, 0);
	before = conversions;
	assert_string_equal(time_of(1795242600, 0), "2026-11-21T06:30:00.000Z");
	assert_string_equal(time_of(1795242600, 999999), "2026-11-21T06:30:00.000Z");
	assert_string_equal(time_of(1795242600, 1000000), "2026-11-21T06:30:00.001Z");
	assert_string_equal(time_of(1795242600, 999999999), "2026-11-21T06:30:00.999Z");
	assert_int_equal(conversions, before + 1);
	assert_string_equal(time_of(1795242601, 0), "2026-11-21T06:30:01.000Z");
	assert_string_equal(time_of(1795242600, 5000000), "2026-11-21T06:30:00.005Z");
	assert_int_equal(conversions, before + 3);
}

static void *convert_epoch(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)strcmp(time_of(0, 0), "1970-01-01T00:00:00.000Z");
}

/* Each thread keeps its own second; the epoch, which looks like an empty one, works too. */
static void test_threads_have_their_seconds(void **state)
{
	pthread_t thread;
	void *differs;

	(void)state;
	time_of(1795242600, 0);
	assert_int_equal(pthread_create(&thread, NULL, convert_epoch, NULL), 0);
	pthread_join(thread, &differs);
	assert_null(differs);
	assert_string_equal(time_of(1795242600, 0), "2026-11-21T06:30:00.000Z");
}

/* Two windows of a limit: each has three lines, and the second one reports what the first left out. */
static void fill_limit(void)
{
	struct record_limit limit = { .what = "test lines", .max = 3, .window_ms = 1000 };
	int taken = 0;

	for (int i = 0; i < 10; i++)
		taken += record_limit_take(&limit, 5000);
	taken += record_limit_take(&limit, 5999);
	if (taken != 3)
		_exit(2);
	for (int i = 0; i < 3; i++)
		taken += record_limit_take(&limit, 6000);
	/* A clock that was set back opens a window, too. */
	if (taken != 6 || !record_limit_take(&limit, 10))
		_exit(3);
}

/* Runs in its own process, because the sink opens once. */
static void flood(const char *path)
{
	struct flow_record flow = { .proto = IPPROTO_TCP,
				    .client = address("10.77.1.2", 1),
				    .dst = address("10.77.2.2", 2) };

	if (record_open(path, RECORD_TEXT, RECORD_INFO) || sink_start())
		_exit(1);
	for (int i = 0; i < 1000; i++) {
		flow.end = i % 2 ? END_REFUSED : END_LIMIT;
		record_flow_end(&flow);
		flow.proto = IPPROTO_UDP;
		flow.end = END_CONNECT_FAILED;
		record_flow_end(&flow);
		flow.proto = IPPROTO_TCP;
		flow.end = END_CLIENT_FIN;
		flow.relayed = true;
		record_flow_end(&flow);
		/* An answer makes any end part of the audit trail. */
		flow.end = END_EVICTED;
		flow.bytes_down = 1;
		record_flow_end(&flow);
		flow.bytes_down = 0;
		/* The client gave up while we connected. */
		flow.end = END_CLIENT_RST;
		flow.relayed = false;
		record_flow_end(&flow);
	}
	fill_limit();
	record_report_all();
	sink_stop(10000);
	_exit(0);
}

/* Lines of the log that the flood wrote. */
struct flood_lines {
	unsigned int failed;
	unsigned int relayed;
	unsigned int answered;
	unsigned int limits;  /* reports of fill_limit */
	unsigned int counted; /* flows that the summaries count */
	unsigned int summaries;
};

static void count_line(struct flood_lines *l, const char *text)
{
	const char *summary = strstr(text, " info 10.77.1.2: ");

	l->failed += strstr(text, "end=refused") || strstr(text, "end=limit") ||
		     strstr(text, "end=connect-failed") || strstr(text, "end=client-rst");
	l->relayed += strstr(text, "end=client-fin") != NULL;
	l->answered += strstr(text, "end=evicted") != NULL;
	l->limits += strstr(text, "warn 8 more test lines were not logged\n") != NULL;
	if (!summary)
		return;
	l->summaries++;
	l->counted += (unsigned int)strtoul(strchr(summary, ':') + 1, NULL, 10);
	assert_non_null(strstr(summary, " more flows ended "));
}

/*
 * A flood of flows that failed is written in part, and the others are counted by client and end.
 * Relayed flows are written in full.
 */
static void test_failures(void **state)
{
	char path[64], text[FORMAT_LINE_MAX];
	struct flood_lines l = { 0 };
	int status;
	FILE *reader;
	pid_t pid;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_relay_record.%d.log", (int)getpid());
	pid = fork();
	if (!pid)
		flood(path);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	reader = fopen(path, "r");
	assert_non_null(reader);
	unlink(path);
	while (fgets(text, sizeof(text), reader))
		count_line(&l, text);
	fclose(reader);
	assert_int_equal(l.relayed, 1000);
	assert_int_equal(l.answered, 1000);
	assert_in_range(l.failed, 4 * THROTTLE_CLIENT_BURST, 500);
	assert_int_equal(l.failed + l.counted, 3000);
	assert_int_equal(l.summaries, 4);
	assert_int_equal(l.limits, 1);
}

static void test_flow_count(void **state)
{
	struct flow_count c = { .client = address("10.77.1.2", 0),
				.end = END_CONNECT_FAILED,
				.flows = 4312,
				.seconds = 5 };
	struct in6_addr a6 = { .s6_addr = { 0xfd, 0x77, 0, 1 } };

	(void)state;
	assert_string_equal(text_of(format_flow_count(RECORD_TEXT, &now, &c, line)),
			    "2026-11-21T06:30:00.123Z info 10.77.1.2: 4312 more flows ended "
			    "connect-failed in 5 s");
	assert_string_equal(
		text_of(format_flow_count(RECORD_JSON, &now, &c, line)),
		"{\"schema\":1,\"time\":\"2026-11-21T06:30:00.123Z\",\"event\":"
		"\"flows-left-out\",\"client\":\"10.77.1.2\",\"end\":\"connect-failed\","
		"\"count\":4312,\"seconds\":5}");
	c.client = saddr_from(AF_INET6, &a6, 0);
	c.prefix6 = 64;
	assert_non_null(strstr(text_of(format_flow_count(RECORD_TEXT, &now, &c, line)),
			       " info fd77:1::/64: 4312 more"));
	c.client.sa.sa_family = 0;
	assert_non_null(strstr(text_of(format_flow_count(RECORD_TEXT, &now, &c, line)),
			       " info other clients: 4312 more"));
	assert_non_null(strstr(text_of(format_flow_count(RECORD_JSON, &now, &c, line)),
			       "\"event\":\"flows-left-out\",\"end\":"));
}

static void test_slow_reader(void **state)
{
	static char text[FORMAT_LINE_MAX];
	char path[64];
	bool reported = false;
	size_t kept = 0;
	FILE *reader;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_relay_record.%d", (int)getpid());
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(record_open(path, RECORD_TEXT, RECORD_INFO), 0);
	unlink(path);
	assert_int_equal(sink_start(), 0);
	for (int i = 0; i < 100000; i++)
		record_say(RECORD_INFO, "%d: some text that takes its room in the buffers", i);
	/* Returns although the thread is stuck. */
	sink_stop(10);
	reader = fdopen(fd, "r");
	assert_non_null(reader);
	for (int tries = 0; tries < 5000 && !reported; tries++) {
		while (fgets(text, sizeof(text), reader)) {
			kept++;
			reported |= strstr(text, "log lines were lost") != NULL;
		}
		clearerr(reader);
		usleep(1000);
	}
	assert_true(reported);
	assert_true(kept > 1000 && kept < 100000);
	fclose(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_failure),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_long_message),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_one_conversion_a_second),
		cmocka_unit_test(test_threads_have_their_seconds),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_flow_count),
		cmocka_unit_test(test_slow_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
