/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/format.h"

#include <string.h>

#include "lib/textbuf.h"
#include "relay/log/timestamp.h"

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

/* The text is ours, but a path in it may hold anything. Leaves room for the end of the line. */
static void add_escaped(struct textbuf *t, const char *text, enum record_format format)
{
	static const char hex[] = "0123456789abcdef";

	for (; *text && t->len < FORMAT_LINE_MAX - 16; text++) {
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
	if (f->forwarded)
		textbuf_add(t, " via=forwarded");
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
	if (f->forwarded)
		textbuf_add(t, ",\"via\":\"forwarded\"");
}

static struct textbuf line_begin(enum record_format format, const struct timespec *now, char *buf)
{
	struct textbuf t = { .buf = buf, .size = FORMAT_LINE_MAX - 1 };

	if (format == RECORD_JSON)
		textbuf_add(&t, "{\"schema\":1,\"time\":\"");
	timestamp_add(&t, now);
	return t;
}

/* Rare fields are left out if they do not apply. */
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
	if (f->forwarded && f->proto == IPPROTO_TCP) {
		add_pair(t, ",\"packets_up\":", f->packets_up);
		add_pair(t, ",\"packets_down\":", f->packets_down);
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
	if (f->forwarded && f->proto == IPPROTO_TCP) {
		add_pair(t, " packets=", f->packets_up);
		add_pair(t, "/", f->packets_down);
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

size_t format_flow_end(enum record_format format, const struct timespec *now,
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

size_t format_flow_start(enum record_format format, const struct timespec *now,
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

static void add_client(struct textbuf *t, const struct flow_count *c)
{
	char host[SADDR_TEXT_LEN];

	textbuf_add(t, saddr_format_host(&c->client, host));
	if (c->client.sa.sa_family == AF_INET6 && c->prefix6 < 128)
		add_pair(t, "/", c->prefix6);
}

static void json_flow_count(struct textbuf *t, const struct flow_count *c)
{
	textbuf_add(t, "\",\"event\":\"flows-left-out\"");
	if (c->client.sa.sa_family) {
		textbuf_add(t, ",\"client\":\"");
		add_client(t, c);
		textbuf_add(t, "\"");
	}
	textbuf_add(t, ",\"end\":\"");
	textbuf_add(t, end_names[c->end]);
	add_pair(t, "\",\"count\":", c->flows);
	add_pair(t, ",\"seconds\":", c->seconds);
	textbuf_add(t, "}");
}

static void text_flow_count(struct textbuf *t, const struct flow_count *c)
{
	textbuf_add(t, " info ");
	if (c->client.sa.sa_family)
		add_client(t, c);
	else
		textbuf_add(t, "other clients");
	add_pair(t, ": ", c->flows);
	textbuf_add(t, " more flows ended ");
	textbuf_add(t, end_names[c->end]);
	add_pair(t, " in ", c->seconds);
	textbuf_add(t, " s");
}

size_t format_flow_count(enum record_format format, const struct timespec *now,
			 const struct flow_count *count, char *buf)
{
	struct textbuf t = line_begin(format, now, buf);

	if (format == RECORD_JSON)
		json_flow_count(&t, count);
	else
		text_flow_count(&t, count);
	return line_end(&t);
}

size_t format_message(enum record_format format, const struct timespec *now,
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
