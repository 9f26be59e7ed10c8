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

static size_t line_end(struct line *l)
{
	l->buf[l->len++] = '\n';
	return l->len;
}

/*
 * RFC 3339 in UTC, milliseconds. Computed here because gmtime_r takes a lock of
 * libc; days to date after the calendar of the proleptic Gregorian era, which
 * begins its years on 1 March.
 */
static void line_add_time(struct line *l, const struct timespec *t)
{
	int64_t days = t->tv_sec / 86400 + 719468;
	int64_t era = days / 146097;
	int64_t doe = days % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int day = (int)(doy - (153 * mp + 2) / 5 + 1);
	int month = (int)(mp < 10 ? mp + 3 : mp - 9);
	int year = (int)(yoe + era * 400 + (month <= 2));
	int sec = (int)(t->tv_sec % 86400);

	line_add_padded(l, (uint64_t)year, 4);
	line_add(l, "-");
	line_add_padded(l, (uint64_t)month, 2);
	line_add(l, "-");
	line_add_padded(l, (uint64_t)day, 2);
	line_add(l, "T");
	line_add_padded(l, (uint64_t)(sec / 3600), 2);
	line_add(l, ":");
	line_add_padded(l, (uint64_t)(sec / 60 % 60), 2);
	line_add(l, ":");
	line_add_padded(l, (uint64_t)(sec % 60), 2);
	line_add(l, ".");
	line_add_padded(l, (uint64_t)(t->tv_nsec / 1000000), 3);
	line_add(l, "Z");
}

/* Text of ours, but paths may hold anything. Leaves room for what closes the line. */
static void line_add_escaped(struct line *l, const char *text, enum record_format format)
{
	static const char hex[] = "0123456789abcdef";

	for (; *text && l->len < RECORD_MAX - 16; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f) {
			line_add(l, "\\u00");
			line_add_bytes(l, &hex[c >> 4], 1);
			line_add_bytes(l, &hex[c & 15], 1);
			continue;
		}
		line_add_bytes(l, "\\", format == RECORD_JSON && (c == '"' || c == '\\'));
		line_add_bytes(l, text, 1);
	}
}

static void add_pair(struct line *l, const char *before, uint64_t number)
{
	line_add(l, before);
	line_add_number(l, number);
}

static void add_address(struct line *l, const char *before, const union saddr *a)
{
	char text[SADDR_TEXT_LEN];

	line_add(l, before);
	line_add(l, saddr_format(a, text));
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

static void text_flow(struct line *l, const struct flow_record *f)
{
	line_add(l, " ");
	line_add(l, proto_name(f->proto));
	add_address(l, " ", &f->client);
	add_address(l, " -> ", &f->dst);
	if (f->server.sa.sa_family)
		add_address(l, " for ", &f->server);
	if (f->source.sa.sa_family)
		add_address(l, " via ", &f->source);
}

/* name: "client" gives "client" and "client_port" */
static void json_address(struct line *l, const char *name, const union saddr *a)
{
	char host[SADDR_TEXT_LEN];

	line_add(l, ",\"");
	line_add(l, name);
	line_add(l, "\":\"");
	line_add(l, saddr_format_host(a, host));
	line_add(l, "\",\"");
	line_add(l, name);
	add_pair(l, "_port\":", saddr_port(a));
}

static void json_flow(struct line *l, const char *event, const struct flow_record *f)
{
	line_add(l, "\",\"event\":\"");
	line_add(l, event);
	add_pair(l, "\",\"id\":", f->id);
	line_add(l, ",\"proto\":\"");
	line_add(l, proto_name(f->proto));
	line_add(l, "\"");
	json_address(l, "client", &f->client);
	json_address(l, "dst", &f->dst);
	if (f->server.sa.sa_family)
		json_address(l, "server", &f->server);
	if (f->source.sa.sa_family)
		json_address(l, "source", &f->source);
}

static struct line line_begin(enum record_format format, const struct timespec *now, char *buf)
{
	struct line l = { .buf = buf, .size = RECORD_MAX - 1 };

	if (format == RECORD_JSON)
		line_add(&l, "{\"schema\":1,\"time\":\"");
	line_add_time(&l, now);
	return l;
}

/* Only where it is true, as with all that is rare. */
static void json_loop(struct line *l, const struct flow_record *f)
{
	if (f->loop)
		line_add(l, ",\"loop\":true");
}

static void text_loop(struct line *l, const struct flow_record *f)
{
	if (f->loop)
		line_add(l, " loop");
}

static void json_end(struct line *l, const struct flow_record *f)
{
	add_pair(l, ",\"bytes_up\":", f->bytes_up);
	add_pair(l, ",\"bytes_down\":", f->bytes_down);
	if (f->datagrams_up || f->datagrams_down) {
		add_pair(l, ",\"datagrams_up\":", f->datagrams_up);
		add_pair(l, ",\"datagrams_down\":", f->datagrams_down);
	}
	add_pair(l, ",\"duration_ms\":", f->duration_ms);
	line_add(l, ",\"end\":\"");
	line_add(l, end_names[f->end]);
	if (f->reason) {
		line_add(l, "\",\"reason\":\"");
		line_add(l, f->reason);
	}
	if (f->err) {
		line_add(l, "\",\"errno\":\"");
		line_add(l, errno_name(f->err));
	}
	line_add(l, "\"");
	json_loop(l, f);
	line_add(l, "}");
}

static void text_end(struct line *l, const struct flow_record *f)
{
	add_pair(l, " up=", f->bytes_up);
	add_pair(l, " down=", f->bytes_down);
	if (f->datagrams_up || f->datagrams_down) {
		add_pair(l, " datagrams=", f->datagrams_up);
		add_pair(l, "/", f->datagrams_down);
	}
	add_pair(l, " dur=", f->duration_ms / 1000);
	line_add(l, ".");
	line_add_padded(l, f->duration_ms % 1000, 3);
	line_add(l, " end=");
	line_add(l, end_names[f->end]);
	if (f->reason) {
		line_add(l, " reason=");
		line_add(l, f->reason);
	}
	if (f->err) {
		line_add(l, " errno=");
		line_add(l, errno_name(f->err));
	}
	text_loop(l, f);
}

size_t record_format_end(enum record_format format, const struct timespec *now,
			 const struct flow_record *f, char *buf)
{
	struct line l = line_begin(format, now, buf);

	if (format == RECORD_JSON) {
		json_flow(&l, "flow", f);
		json_end(&l, f);
	} else {
		text_flow(&l, f);
		text_end(&l, f);
	}
	return line_end(&l);
}

size_t record_format_start(enum record_format format, const struct timespec *now,
			   const struct flow_record *f, char *buf)
{
	struct line l = line_begin(format, now, buf);

	if (format == RECORD_JSON) {
		json_flow(&l, "flow-start", f);
		json_loop(&l, f);
		line_add(&l, "}");
	} else {
		text_flow(&l, f);
		line_add(&l, " start");
		text_loop(&l, f);
	}
	return line_end(&l);
}

size_t record_format_message(enum record_format format, const struct timespec *now,
			     enum record_level level, const char *text, char *buf)
{
	struct line l = line_begin(format, now, buf);

	if (format == RECORD_TEXT) {
		line_add(&l, " ");
		line_add(&l, record_level_names[level]);
		line_add(&l, " ");
		line_add_escaped(&l, text, format);
		return line_end(&l);
	}
	line_add(&l, "\",\"event\":\"message\",\"level\":\"");
	line_add(&l, record_level_names[level]);
	line_add(&l, "\",\"message\":\"");
	line_add_escaped(&l, text, format);
	line_add(&l, "\"}");
	return line_end(&l);
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
