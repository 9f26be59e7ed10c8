/* SPDX-License-Identifier: BSD-2-Clause */
/* Events of the data path and of commands, in words. Their contents may be of another build. */
#include <string.h>

#include "lib/flows/values.h"
#include "lib/plain.h"
#include "loader/monitor/monitor.h"
#include "loader/show/stamp.h"

/* ---- commands ----------------------------------------------------------- */

static void say_iface(struct monitoring *m, const struct tproxy_event *event, const char *text)
{
	const struct timespec at = stamp_real_time(event->time_ns);
	const bool on = event->type == TPROXY_EVENT_ATTACHED;
	struct json_object *detail;

	if (on && !monitoring_iface_on(m, event->ifindex, text))
		return;
	if (!on)
		monitoring_iface_off(m, event->ifindex);
	detail = monitor_detail();
	monitor_add_text(detail, "interface", text);
	monitor_say(&m->out, &at, on ? "attached" : "detached", detail, "%s: %s", text,
		    on ? "attached" : "detached");
}

static void say_repair(struct monitoring *m, const struct tproxy_event *event, const char *text)
{
	const struct timespec at = stamp_real_time(event->time_ns);
	struct json_object *detail = monitor_detail();
	char name[TPROXY_IFNAME_LEN] = "";

	monitor_add_text(detail, "what", text);
	if (event->ifindex)
		monitor_add_text(detail, "interface",
				 monitoring_iface_name(m, event->ifindex, name));
	monitor_say(&m->out, &at, "repaired", detail, "%s%srepaired: %s", name, *name ? ": " : "",
		    text);
}

static void say_adopted(struct monitoring *m, const struct tproxy_event *event, const char *text)
{
	const struct timespec at = stamp_real_time(event->time_ns);
	const char *name = event->type == TPROXY_EVENT_ADOPTED ? "adopted" : "released";
	struct json_object *detail = monitor_detail();

	monitor_add_text(detail, "what", text);
	monitor_say(&m->out, &at, name, detail, "%s: %s", name, text);
}

static struct json_object *policy_detail(const struct tproxy_event *event, const char *command)
{
	struct json_object *detail = monitor_detail();

	monitor_add_number(detail, "generation", event->bytes[0]);
	monitor_add_text(detail, "command", command);
	return detail;
}

static void say_policy(struct monitoring *m, const struct tproxy_event *event, const char *command)
{
	const struct timespec at = stamp_real_time(event->time_ns);
	const __u32 generation = (__u32)event->bytes[0];

	monitor_say(&m->out, &at, "policy", policy_detail(event, command),
		    generation == m->generation ? "%s: the rules of generation %u were edited" :
						  "%s: generation %u is live",
		    command, generation);
	m->generation = generation;
	m->policy.reported = true;
	m->held = true;
}

static void say_rolled_back(struct monitoring *m, const struct tproxy_event *event,
			    const char *command)
{
	const struct timespec at = stamp_real_time(event->time_ns);

	m->policy.reported = true;
	if (m->looked && m->generation == event->bytes[0])
		return; /* a look was faster */
	m->generation = (__u32)event->bytes[0];
	m->armed = 0;
	monitor_say(&m->out, &at, "rolled_back", policy_detail(event, command),
		    "%s: generation %u, the previous policy, is live", command, m->generation);
}

static void say_confirmed(struct monitoring *m, const struct tproxy_event *event,
			  const char *command)
{
	const struct timespec at = stamp_real_time(event->time_ns);

	m->armed = 0;
	monitor_say(&m->out, &at, "confirmed", policy_detail(event, command), "generation %u stays",
		    (__u32)event->bytes[0]);
}

/* ---- flows -------------------------------------------------------------- */

static void add_address(struct json_object *detail, const char *key, const struct flows_address *a,
			char *ret_text)
{
	char host[FLOWS_TEXT_LEN], port_key[32];

	monitor_add_text(detail, key, flows_host_text(a, host));
	snprintf(port_key, sizeof(port_key), "%s_port", key);
	monitor_add_number(detail, port_key, a->port);
	flows_address_text(a, ret_text);
}

/* "tcp 192.0.2.1:40000 -> 198.51.100.1:22"; ret_text: 3 * FLOWS_TEXT_LEN bytes. */
static struct json_object *flow_detail(const struct monitoring *m, const struct tproxy_event *event,
				       char *ret_text)
{
	const struct flows_address client = flows_address_from(event->flow.src, event->flow.sport);
	const struct flows_address dst = flows_address_from(event->flow.dst, event->flow.dport);
	struct json_object *detail = monitor_detail();
	char from[FLOWS_TEXT_LEN], to[FLOWS_TEXT_LEN], name[TPROXY_IFNAME_LEN];

	monitor_add_text(detail, "proto", flows_proto_text(event->flow.proto));
	add_address(detail, "client", &client, from);
	add_address(detail, "dst", &dst, to);
	if (event->rule < TPROXY_MAX_RULES && *m->names[event->rule])
		monitor_add_text(detail, "rule", m->names[event->rule]);
	if (event->ifindex)
		monitor_add_text(detail, "interface",
				 monitoring_iface_name(m, event->ifindex, name));
	snprintf(ret_text, 3 * FLOWS_TEXT_LEN, "%s %s -> %s", flows_proto_text(event->flow.proto),
		 from, to);
	return detail;
}

static const char *end_name(__u32 reason)
{
	static const char *const names[TPROXY_AUDIT_END_MAX] = {
#define X(symbol, name) [TPROXY_AUDIT_##symbol] = name,
		TPROXY_AUDIT_ENDS(X)
#undef X
	};

	return reason < TPROXY_AUDIT_END_MAX ? names[reason] : "unknown";
}

static void say_begin(struct monitoring *m, const struct tproxy_event *event, const char *text)
{
	const struct timespec at = stamp_real_time(event->time_ns);
	char flow[3 * FLOWS_TEXT_LEN];
	struct json_object *detail = flow_detail(m, event, flow);

	(void)text;
	monitor_say(&m->out, &at, "flow_begin", detail, "%s", flow);
}

static void say_end(struct monitoring *m, const struct tproxy_event *event, const char *text)
{
	const struct timespec at = stamp_real_time(event->time_ns);
	char flow[3 * FLOWS_TEXT_LEN], up[FLOWS_TEXT_LEN], down[FLOWS_TEXT_LEN];
	struct json_object *detail = flow_detail(m, event, flow);

	(void)text;
	monitor_add_number(detail, "bytes_up", event->bytes[0]);
	monitor_add_number(detail, "bytes_down", event->bytes[1]);
	monitor_add_number(detail, "packets_up", event->packets[0]);
	monitor_add_number(detail, "packets_down", event->packets[1]);
	monitor_add_text(detail, "end", end_name(event->reason));
	monitor_say(&m->out, &at, "flow_end", detail, "%s end=%s, %s bytes up, %s down", flow,
		    end_name(event->reason), flows_amount_text(event->bytes[0], up),
		    flows_amount_text(event->bytes[1], down));
}

/* ---- all ---------------------------------------------------------------- */

int monitoring_heard(const struct tproxy_event *event, void *arg)
{
	static void (*const says[TPROXY_EVENT_MAX])(
		struct monitoring * m, const struct tproxy_event *event, const char *text) = {
		[TPROXY_EVENT_AUDIT_BEGIN] = say_begin,
		[TPROXY_EVENT_AUDIT_END] = say_end,
		[TPROXY_EVENT_ATTACHED] = say_iface,
		[TPROXY_EVENT_DETACHED] = say_iface,
		[TPROXY_EVENT_REPAIRED] = say_repair,
		[TPROXY_EVENT_POLICY] = say_policy,
		[TPROXY_EVENT_CONFIRMED] = say_confirmed,
		[TPROXY_EVENT_ROLLED_BACK] = say_rolled_back,
		[TPROXY_EVENT_ADOPTED] = say_adopted,
		[TPROXY_EVENT_RELEASED] = say_adopted,
	};
	const struct monitoring *m = arg;
	char text[TPROXY_NAME_LEN];

	plain_text(event->text, sizeof(event->text), text, sizeof(text));
	if (event->type < TPROXY_EVENT_MAX && says[event->type])
		says[event->type](arg, event, text);
	return m->held ? -EAGAIN : 0;
}
