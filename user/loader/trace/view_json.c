/* SPDX-License-Identifier: BSD-2-Clause */
/* One event as a JSON object. tests/schema/trace.json describes it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/mapped.h"
#include "loader/show/show.h"
#include "loader/trace/view.h"

static void add_text(struct json_object *o, const char *key, const char *text)
{
	if (text && *text)
		json_object_object_add(o, key, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *key, __u64 number)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)number));
}

static void add_bool(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

/* ---- flows -------------------------------------------------------------- */

static void add_end(struct json_object *o, const char *key, const __u8 mapped[16])
{
	char address[INET6_ADDRSTRLEN] = "";
	__u8 raw[16];
	const int family = mapped_to(mapped, raw);

	inet_ntop(family, raw, address, sizeof(address));
	add_text(o, key, address);
}

/* A number where the protocol has no name here. */
static void add_proto(struct json_object *o, __u8 proto)
{
	char number[8];

	snprintf(number, sizeof(number), "%u", proto);
	add_text(o, "proto",
		 proto == IPPROTO_TCP    ? "tcp" :
		 proto == IPPROTO_UDP    ? "udp" :
		 proto == IPPROTO_ICMP   ? "icmp" :
		 proto == IPPROTO_ICMPV6 ? "icmpv6" :
					   number);
}

static void add_flow(struct json_object *o, const struct trace_flow *flow)
{
	if (!flow->family)
		return;
	add_text(o, "family", flow->family == AF_INET ? "ipv4" : "ipv6");
	add_proto(o, flow->proto);
	add_end(o, "src", flow->src);
	add_end(o, "dst", flow->dst);
	if (!flow->sport && !flow->dport)
		return;
	add_number(o, "src_port", ntohs(flow->sport));
	add_number(o, "dst_port", ntohs(flow->dport));
}

static void add_flags(struct json_object *o, __u8 flags)
{
	static const char *const names[] = {
		"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"
	};
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags >> i & 1)
			json_object_array_add(array, json_object_new_string(names[i]));
	json_object_object_add(o, "tcp_flags", array);
}

static void add_icmp(struct json_object *o, const struct trace_event *e)
{
	struct json_object *quoted;

	add_number(o, "icmp_type", e->icmp_type);
	add_number(o, "icmp_code", e->icmp_code);
	if (!e->quoted.family)
		return;
	quoted = json_object_new_object();
	add_flow(quoted, &e->quoted);
	json_object_object_add(o, "quoted", quoted);
}

static void add_headers(struct json_object *o, const struct trace_event *e)
{
	add_flow(o, &e->flow);
	if (e->len)
		add_number(o, "length", e->len);
	if (e->frag)
		add_text(o, "fragment", e->frag == 1 ? "first" : "later");
	if (e->kind != TRACE_LOOKUP && e->kind != TRACE_CALL && e->flow.proto == IPPROTO_TCP &&
	    e->frag != 2)
		add_flags(o, e->tcp_flags);
	if ((e->flow.proto == IPPROTO_ICMP || e->flow.proto == IPPROTO_ICMPV6) && e->frag != 2)
		add_icmp(o, e);
}

/* ---- verdicts ----------------------------------------------------------- */

static struct json_object *reasons_json(const struct trace_view *v)
{
	static const char *const names[] = {
#define X(symbol, name, meaning) name,
		TPROXY_COUNTERS(X)
#undef X
	};
	const char *other = v->call ? cause_call_reason(v->call->why) : NULL;
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (v->event->counters >> i & 1)
			json_object_array_add(array, json_object_new_string(names[i]));
	if (other)
		json_object_array_add(array, json_object_new_string(other));
	return array;
}

static void add_listener(struct json_object *o, const struct listener_name *listener)
{
	struct json_object *object;

	if (!listener->cookie)
		return;
	object = json_object_new_object();
	add_number(object, "cookie", listener->cookie);
	if (listener->known) {
		add_number(object, "port", listener->port);
		add_bool(object, "transparent", listener->transparent);
	}
	json_object_object_add(o, "listener", object);
}

static void add_drop(struct json_object *o, const struct trace_view *v)
{
	add_text(o, "reason", v->reason);
	add_text(o, "function", v->function);
	add_text(o, "out_interface", v->out);
	add_bool(o, "marked", v->marked);
	add_bool(o, "answer", v->answer);
}

static void add_caller(struct json_object *o, const struct trace_view *v)
{
	if (v->unbound)
		json_object_object_del(o, "src");
	if (v->unbound && !v->event->flow.sport)
		json_object_object_del(o, "src_port");
	add_text(o, "call", v->call->sends ? "sendmsg" : "connect");
	add_number(o, "pid", v->call->pid);
	add_number(o, "uid", v->call->uid);
	add_number(o, "gid", v->call->gid);
	add_text(o, "command", v->command);
}

struct json_object *trace_view_json(const struct trace_view *v)
{
	static const char *const types[] = {
		[TRACE_PACKET] = "packet", [TRACE_LOOKUP] = "lookup", [TRACE_DROP] = "drop",
		[TRACE_CALL] = "call",     [TRACE_OWN] = "packet",
	};
	struct json_object *o = show_json_root();
	char time[TRACE_TIME_LEN];

	add_text(o, "type", v->event->kind < TRACE_KIND_MAX ? types[v->event->kind] : "unknown");
	add_text(o, "time", trace_time(&v->time, time));
	add_text(o, "interface", v->interface);
	add_headers(o, v->event);
	add_text(o, "verdict", trace_verdict_names[v->verdict]);
	if (v->event->kind == TRACE_DROP)
		add_drop(o, v);
	else
		json_object_object_add(o, "reasons", reasons_json(v));
	if (v->call)
		add_caller(o, v);
	add_text(o, "rule", v->rule);
	add_listener(o, &v->listener);
	add_text(o, "text", v->cause.text);
	add_text(o, "problem", v->cause.id);
	return o;
}
