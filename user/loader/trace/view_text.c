/* SPDX-License-Identifier: BSD-2-Clause */
/* One event as a line: when, where, what, which flow, and why. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <string.h>

#include "lib/mapped.h"
#include "loader/trace/view.h"

#define FLOW_LEN 104 /* two addresses with ports */
#define PROTO_LEN 8
#define FLAGS_LEN 12
#define WHY_LEN 400

#define COLUMNS "%-15s %-8s %-11s %-6s %-*s %-6s %6s  %s\n"

const char trace_view_heading[] =
	"TIME            IF       VERDICT     PROTO  FLOW                                          "
	"FLAGS     LEN  WHY\n";
enum { FLOW_WIDTH = 45 };

/* Appends to text; what does not fit is cut off. */
static void __printf(3, 4) append(char *text, size_t size, const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + len, size - len, fmt, args);
	va_end(args);
}

static void add_end(char *text, const __u8 mapped[16], __be16 port)
{
	char address[INET6_ADDRSTRLEN] = "?";
	__u8 raw[16];
	const int family = mapped_to(mapped, raw);

	inet_ntop(family, raw, address, sizeof(address));
	if (!port)
		append(text, FLOW_LEN, "%s", address);
	else
		append(text, FLOW_LEN, family == AF_INET6 ? "[%s]:%u" : "%s:%u", address,
		       ntohs(port));
}

static char *flow_text(const struct trace_flow *flow, char *buf)
{
	buf[0] = '\0';
	if (!flow->family)
		return strcpy(buf, "?");
	add_end(buf, flow->src, flow->sport);
	append(buf, FLOW_LEN, " > ");
	add_end(buf, flow->dst, flow->dport);
	return buf;
}

/* Of a call whose socket has no address yet. */
static char *unbound_text(const struct trace_flow *flow, char *buf)
{
	snprintf(buf, FLOW_LEN, flow->sport ? "*:%u > " : "* > ", ntohs(flow->sport));
	add_end(buf, flow->dst, flow->dport);
	return buf;
}

static char *proto_text(const struct trace_flow *flow, char *buf)
{
	static const struct {
		__u8 number;
		const char *name;
	} names[] = { { IPPROTO_TCP, "tcp" },
		      { IPPROTO_UDP, "udp" },
		      { IPPROTO_ICMP, "icmp" },
		      { IPPROTO_ICMPV6, "icmp6" } };

	snprintf(buf, PROTO_LEN, "%u", flow->proto);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].number == flow->proto)
			snprintf(buf, PROTO_LEN, "%s", names[i].name);
	return buf;
}

/* As tcpdump writes them; of fragments which one, of ICMP type and code. */
static char *flags_text(const struct trace_event *e, char *buf)
{
	static const char letters[] = "FSRP.U"; /* from the lowest bit on */
	size_t len = 0;

	if (e->flow.proto == IPPROTO_ICMP || e->flow.proto == IPPROTO_ICMPV6)
		len = (size_t)snprintf(buf, FLAGS_LEN, "%u/%u", e->icmp_type, e->icmp_code);
	for (size_t i = 0; e->flow.proto == IPPROTO_TCP && i < sizeof(letters) - 1; i++)
		if (e->tcp_flags >> i & 1)
			buf[len++] = letters[i];
	buf[len] = '\0';
	if (e->frag)
		snprintf(buf, FLAGS_LEN, "%s", e->frag == 1 ? "first" : "later");
	return buf;
}

/* ---- why ---------------------------------------------------------------- */

static const char *counter_name(unsigned int counter)
{
	static const char *const names[] = {
#define X(symbol, name, meaning) name,
		TPROXY_COUNTERS(X)
#undef X
	};

	return names[counter];
}

static void add_other_reason(const struct trace_call *call, char *buf)
{
	const char *other = cause_call_reason(call->why);

	if (other)
		append(buf, WHY_LEN, "%s%s", *buf ? ", " : "", other);
}

static void add_reasons(const struct trace_view *v, char *buf)
{
	const char *between = "";

	for (unsigned int i = 0; i < TPROXY_COUNT_MAX; i++) {
		if (!(v->event->counters >> i & 1))
			continue;
		append(buf, WHY_LEN, "%s%s", between, counter_name(i));
		between = ", ";
	}
	if (v->call)
		add_other_reason(v->call, buf);
	if (v->event->kind != TRACE_DROP)
		return;
	append(buf, WHY_LEN, "%s", *v->reason ? v->reason : "no reason");
	if (*v->function)
		append(buf, WHY_LEN, " in %s", v->function);
}

/* The data path counts nothing for a packet that it has no business with. */
static const char *not_ours_text(const struct trace_event *event)
{
	switch (event->flow.proto) {
	case IPPROTO_UDP:
		return "no rule takes it";
	case IPPROTO_TCP:
		return (event->tcp_flags & (TH_SYN | TH_ACK | TH_RST)) == TH_SYN ?
			       "no rule takes it" :
			       "its flow is not ours";
	default:
		return "not ours";
	}
}

static void add_caller(const struct trace_view *v, char *buf)
{
	if (!*buf)
		append(buf, WHY_LEN, "no rule takes it");
	append(buf, WHY_LEN, ", %s %s (pid %u, uid %u)", v->call->sends ? "sent by" : "connect by",
	       *v->command ? v->command : "?", v->call->pid, v->call->uid);
}

static char *why_text(const struct trace_view *v, char *buf)
{
	char flow[FLOW_LEN], proto[PROTO_LEN];

	buf[0] = '\0';
	add_reasons(v, buf);
	if (*v->rule)
		append(buf, WHY_LEN, "%srule %s", *buf ? ", " : "", v->rule);
	if (v->call)
		add_caller(v, buf);
	if (v->listener.known)
		append(buf, WHY_LEN, ", port %u", v->listener.port);
	if (*v->out && strcmp(v->out, v->interface) != 0)
		append(buf, WHY_LEN, ", to %s", v->out);
	if (v->event->quoted.family)
		append(buf, WHY_LEN, "%sabout %s %s", *buf ? ", " : "",
		       proto_text(&v->event->quoted, proto), flow_text(&v->event->quoted, flow));
	if (v->cause.text)
		append(buf, WHY_LEN, "%s%s", *buf ? ": " : "", v->cause.text);
	if (!*buf)
		append(buf, WHY_LEN, "%s", not_ours_text(v->event));
	if (v->cause.id)
		append(buf, WHY_LEN, " (doctor --explain %s)", v->cause.id);
	return buf;
}

/* ---- the line ----------------------------------------------------------- */

void trace_view_text(const struct trace_view *view, unsigned int *width, char *buf)
{
	char clock[16], full[24], length[16], flow[FLOW_LEN], proto[PROTO_LEN], flags[FLAGS_LEN],
		why[WHY_LEN];
	struct tm tm;

	if (*width < FLOW_WIDTH)
		*width = FLOW_WIDTH;
	if (view->unbound)
		unbound_text(&view->event->flow, flow);
	else
		flow_text(&view->event->flow, flow);
	if (strlen(flow) > *width)
		*width = (unsigned int)strlen(flow);
	localtime_r(&view->time.tv_sec, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	snprintf(full, sizeof(full), "%s.%06ld", clock, view->time.tv_nsec / 1000);
	length[0] = '\0';
	if (view->event->len)
		snprintf(length, sizeof(length), "%u", view->event->len);
	snprintf(buf, TRACE_LINE_LEN, COLUMNS, full, *view->interface ? view->interface : "-",
		 trace_verdict_names[view->verdict], proto_text(&view->event->flow, proto),
		 (int)*width, flow, flags_text(view->event, flags), length, why_text(view, why));
}
