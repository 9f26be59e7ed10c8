/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/trace/view.h"

#include <string.h>

#include "lib/mapped.h"
#include "lib/plain.h"
#include "loader/show/stamp.h"
#include "loader/trace/audited.h"

static struct cause find_cause(const struct trace_view *v)
{
	const struct drop_site site = {
		.reason = v->reason,
		.function = v->function,
		.marked = v->marked,
		.assigned = v->event->cookie != 0,
		.answer = v->answer,
	};

	if (v->event->kind == TRACE_DROP)
		return cause_of_drop(&site);
	if (v->call)
		return cause_of_call(v->call);
	if (v->listener.known && !v->listener.transparent)
		return cause_not_transparent();
	if (v->verdict == TRACE_AUDIT && !v->event->counters)
		return (struct cause){ "its flow is audited", NULL };
	return cause_of_counters(v->event->counters);
}

static void describe_drop(struct trace_view *v, struct names *names, __u32 mask)
{
	const struct trace_event *e = v->event;

	v->reason = names_reason(names, e->reason);
	v->function = names_function(names, e->location);
	v->marked = (e->mark_in & mask) != 0;
	v->answer = !e->ifindex;
	snprintf(v->out, sizeof(v->out), "%s", names_interface(names, e->out));
}

static bool is_unspecified(const __u8 mapped[16])
{
	static const __u8 none[16];
	__u8 raw[16];

	mapped_to(mapped, raw);
	return !memcmp(raw, none, sizeof(raw));
}

static void describe_call(struct trace_view *v)
{
	v->call = (const struct trace_call *)v->event;
	v->unbound = is_unspecified(v->event->flow.src);
	snprintf(v->interface, sizeof(v->interface), "local");
	plain_text(v->call->comm, sizeof(v->call->comm), v->command, sizeof(v->command));
}

void trace_view_make(struct trace_view *ret_view, const struct trace_event *event,
		     struct names *names, __u32 mask)
{
	*ret_view = (struct trace_view){
		.event = event,
		.verdict = trace_verdict(event, mask),
		.time = stamp_real_time(event->time),
		.rule = names_rule(names, event->generation, event->rule),
		.reason = "",
		.function = "",
	};
	snprintf(ret_view->interface, sizeof(ret_view->interface), "%s",
		 names_interface(names, event->ifindex));
	if (event->kind == TRACE_DROP)
		describe_drop(ret_view, names, mask);
	else if (event->kind == TRACE_CALL)
		describe_call(ret_view);
	else if (event->cookie)
		ret_view->listener = *names_listener(names, event->cookie);
	if (ret_view->verdict == TRACE_LEFT_ALONE && !event->counters && !ret_view->call &&
	    trace_is_audited(names->state, &event->flow))
		ret_view->verdict = TRACE_AUDIT;
	ret_view->cause = find_cause(ret_view);
}

char *trace_time(const struct timespec *time, char *buf)
{
	struct tm tm;
	size_t len;

	gmtime_r(&time->tv_sec, &tm);
	len = strftime(buf, TRACE_TIME_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + len, TRACE_TIME_LEN - len, ".%06ldZ", time->tv_nsec / 1000);
	return buf;
}
