/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/record.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "lib/textbuf.h"
#include "relay/log/sink.h"

static const char *const end_names[END_MAX] = {
#define X(symbol, name) [END_##symbol] = name,
	FLOW_ENDS(X)
#undef X
};

static size_t line_end(struct textbuf *t)
{
	t->buf[t->len++] = '\n';
	return t->len;
}

/*
 * RFC 3339 in UTC, milliseconds. Computed here because gmtime_r takes a lock of
 * libc; days to date after the calendar of the proleptic Gregorian era, which
 * begins its years on 1 March.
 */
static void add_time(struct textbuf *t, const struct timespec *when)
{
	int64_t days = when->tv_sec / 86400 + 719468;
	int64_t era = days / 146097;
	int64_t doe = days % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int day = (int)(doy - (153 * mp + 2) / 5 + 1);
	int month = (int)(mp < 10 ? mp + 3 : mp - 9);
	int year = (int)(yoe + era * 400 + (month <= 2));
	int sec = (int)(when->tv_sec % 86400);

	textbuf_add_padded(t, (uint64_t)year, 4);
	textbuf_add(t, "-");
	textbuf_add_padded(t, (uint64_t)month, 2);
	textbuf_add(t, "-");
	textbuf_add_padded(t, (uint64_t)day, 2);
	textbuf_add(t, "T");
	textbuf_add_padded(t, (uint64_t)(sec / 3600), 2);
	textbuf_add(t, ":");
	textbuf_add_padded(t, (uint64_t)(sec / 60 % 60), 2);
	textbuf_add(t, ":");
	textbuf_add_padded(t, (uint64_t)(sec % 60), 2);
	textbuf_add(t, ".");
	textbuf_add_padded(t, (uint64_t)(when->tv_nsec / 1000000), 3);
	textbuf_add(t, "Z");
}

/* Text of ours, but paths may hold anything. Leaves room for what closes the line. */
static void add_escaped(struct textbuf *t, const char *text, enum record_format format)
{
	static const char hex[] = "0123456789abcdef";

	for (; *text && t->len < RECORD_MAX - 16; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f) {
			textbuf_add(t, "\\u00");
			textbuf_add_bytes(t, &hex[c >> 4], 1);
			textbuf_add_bytes(t, &hex[c & 15], 1);
			continue;
		}
		textbuf_add_bytes(t, "\\", format == RECORD_JSON && (c == '"' || c == '\\'));
		textbuf_add_bytes(t, text, 1);
	}
}

static void add_pair(struct textbuf *t, const char *before, uint64_t number)
{
	textbuf_add(t, before);
	textbuf_add_number(t, number);
}

static void add_address(struct textbuf *t, const char *before, const union saddr *a)
{
	char text[SADDR_TEXT_LEN];

	textbuf_add(t, before);
	textbuf_add(t, saddr_format(a, text));
}

static const char *proto_name(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : "udp";
}

static const char *errno_name(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "unknown";
}

static void text_flow(struct textbuf *t, const struct flow_record *f)
{
	textbuf_add(t, " ");
	textbuf_add(t, proto_name(f->proto));
	add_address(t, " ", &f->client);
	add_address(t, " -> ", &f->dst);
	if (f->server.sa.sa_family)
		add_address(t, " for ", &f->server);
	if (f->source.sa.sa_family)
		add_address(t, " via ", &f->source);
}

/* name: "client" gives "client" and "client_port" */
static void json_address(struct textbuf *t, const char *name, const union saddr *a)
{
	char host[SADDR_TEXT_LEN];

	textbuf_add(t, ",\"");
	textbuf_add(t, name);
	textbuf_add(t, "\":\"");
	textbuf_add(t, saddr_format_host(a, host));
	textbuf_add(t, "\",\"");
	textbuf_add(t, name);
	add_pair(t, "_port\":", saddr_port(a));
}

static void json_flow(struct textbuf *t, const char *event, const struct flow_record *f)
{
	textbuf_add(t, "\",\"event\":\"");
	textbuf_add(t, event);
	add_pair(t, "\",\"id\":", f->id);
	textbuf_add(t, ",\"proto\":\"");
	textbuf_add(t, proto_name(f->proto));
	textbuf_add(t, "\"");
	json_address(t, "client", &f->client);
	json_address(t, "dst", &f->dst);
	if (f->server.sa.sa_family)
		json_address(t, "server", &f->server);
	if (f->source.sa.sa_family)
		json_address(t, "source", &f->source);
}

static struct textbuf line_begin(enum record_format format, const struct timespec *now, char *buf)
{
	struct textbuf t = { .buf = buf, .size = RECORD_MAX - 1 };

	if (format == RECORD_JSON)
		textbuf_add(&t, "{\"schema\":1,\"time\":\"");
	add_time(&t, now);
	return t;
}

/* Only where it is true, as with all that is rare. */
static void json_loop(struct textbuf *t, const struct flow_record *f)
{
	if (f->loop)
		textbuf_add(t, ",\"loop\":true");
}

static void text_loop(struct textbuf *t, const struct flow_record *f)
{
	if (f->loop)
		textbuf_add(t, " loop");
}

static void json_end(struct textbuf *t, const struct flow_record *f)
{
	add_pair(t, ",\"bytes_up\":", f->bytes_up);
	add_pair(t, ",\"bytes_down\":", f->bytes_down);
	if (f->datagrams_up || f->datagrams_down) {
		add_pair(t, ",\"datagrams_up\":", f->datagrams_up);
		add_pair(t, ",\"datagrams_down\":", f->datagrams_down);
	}
	add_pair(t, ",\"duration_ms\":", f->duration_ms);
	textbuf_add(t, ",\"end\":\"");
	textbuf_add(t, end_names[f->end]);
	if (f->reason) {
		textbuf_add(t, "\",\"reason\":\"");
		textbuf_add(t, f->reason);
	}
	if (f->err) {
		textbuf_add(t, "\",\"errno\":\"");
		textbuf_add(t, errno_name(f->err));
	}
	textbuf_add(t, "\"");
	json_loop(t, f);
	textbuf_add(t, "}");
}

static void text_end(struct textbuf *t, const struct flow_record *f)
{
	add_pair(t, " up=", f->bytes_up);
	add_pair(t, " down=", f->bytes_down);
	if (f->datagrams_up || f->datagrams_down) {
		add_pair(t, " datagrams=", f->datagrams_up);
		add_pair(t, "/", f->datagrams_down);
	}
	add_pair(t, " dur=", f->duration_ms / 1000);
	textbuf_add(t, ".");
	textbuf_add_padded(t, f->duration_ms % 1000, 3);
	textbuf_add(t, " end=");
	textbuf_add(t, end_names[f->end]);
	if (f->reason) {
		textbuf_add(t, " reason=");
		textbuf_add(t, f->reason);
	}
	if (f->err) {
		textbuf_add(t, " errno=");
		textbuf_add(t, errno_name(f->err));
	}
	text_loop(t, f);
}

size_t record_format_end(enum record_format format, const struct timespec *now,
			 const struct flow_record *f, char *buf)
{
	struct textbuf t = line_begin(format, now, buf);

	if (format == RECORD_JSON) {
		json_flow(&t, "flow", f);
		json_end(&t, f);
	} else {
		text_flow(&t, f);
		text_end(&t, f);
	}
	return line_end(&t);
}

size_t record_format_start(enum record_format format, const struct timespec *now,
			   const struct flow_record *f, char *buf)
{
	struct textbuf t = line_begin(format, now, buf);

	if (format == RECORD_JSON) {
		json_flow(&t, "flow-start", f);
		json_loop(&t, f);
		textbuf_add(&t, "}");
	} else {
		text_flow(&t, f);
		textbuf_add(&t, " start");
		text_loop(&t, f);
	}
	return line_end(&t);
}

size_t record_format_message(enum record_format format, const struct timespec *now,
			     enum record_level level, const char *text, char *buf)
{
	struct textbuf t = line_begin(format, now, buf);

	if (format == RECORD_TEXT) {
		textbuf_add(&t, " ");
		textbuf_add(&t, record_level_names[level]);
		textbuf_add(&t, " ");
		add_escaped(&t, text, format);
		return line_end(&t);
	}
	textbuf_add(&t, "\",\"event\":\"message\",\"level\":\"");
	textbuf_add(&t, record_level_names[level]);
	textbuf_add(&t, "\",\"message\":\"");
	add_escaped(&t, text, format);
	textbuf_add(&t, "\"}");
	return line_end(&t);
}

/* Set once by record_open, before there are threads. */
static enum record_format log_format;
static enum record_level log_threshold = RECORD_INFO;

static size_t report_lost(uint64_t lost, char *buf, size_t size)
{
	char line[RECORD_MAX];
	char text[64];
	struct timespec now;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(text, sizeof(text), "%" PRIu64 " log lines were lost", lost);
	len = record_format_message(log_format, &now, RECORD_WARN, text, line);
	if (len > size)
		len = size;
	memcpy(buf, line, len);
	return len;
}

int record_open(const char *path, enum record_format format, enum record_level level)
{
	log_format = format;
	log_threshold = level;
	return sink_open(path, report_lost);
}

/* Whoever is refused may try as fast as he can: that must not fill the log. */
static bool is_one_too_many(const struct flow_record *flow, const struct timespec *now)
{
	static _Thread_local struct {
		time_t second;
		unsigned int written;
		unsigned int hidden;
	} refusals;

	if (flow->end != END_REFUSED && flow->end != END_LIMIT)
		return false;
	if (now->tv_sec != refusals.second) {
		if (refusals.hidden)
			record_say(RECORD_WARN, "%u more refused flows were not logged",
				   refusals.hidden);
		refusals.second = now->tv_sec;
		refusals.written = refusals.hidden = 0;
	}
	if (refusals.written++ < RECORD_REFUSALS_PER_S)
		return false;
	refusals.hidden++;
	return true;
}

void record_flow_end(const struct flow_record *flow)
{
	char line[RECORD_MAX];
	struct timespec now;

	if (log_threshold > RECORD_INFO)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	if (is_one_too_many(flow, &now))
		return;
	sink_write(line, record_format_end(log_format, &now, flow, line));
}

void record_flow_start(const struct flow_record *flow)
{
	char line[RECORD_MAX];
	struct timespec now;

	if (log_threshold > RECORD_DEBUG)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	sink_write(line, record_format_start(log_format, &now, flow, line));
}

void record_say(enum record_level level, const char *fmt, ...)
{
	char line[RECORD_MAX];
	char text[512];
	struct timespec now;
	va_list ap;

	if (level < log_threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clock_gettime(CLOCK_REALTIME, &now);
	sink_write(line, record_format_message(log_format, &now, level, text, line));
}
