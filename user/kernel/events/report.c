/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/events/report.h"

#include <bpf/bpf.h>
#include <string.h>

#include "lib/log.h"

/* The state of an older build has no such program. */
static void report(const struct state *state, struct tproxy_event *event, const char *text)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = event, .ctx_size_in = sizeof(*event));

	if (state->prog[PROG_REPORT] < 0)
		return;
	snprintf((char *)event->text, sizeof(event->text), "%s", text);
	event->time_ns = monotonic_ns();
	event->rule = TPROXY_NO_RULE;
	if (bpf_prog_test_run_opts(state->prog[PROG_REPORT], &opts))
		log_debug("monitors: cannot report to them: %s", strerror(errno));
}

void event_report_iface(const struct state *state, enum tproxy_event_type type, __u32 ifindex,
			const char *text)
{
	struct tproxy_event event = { .type = type, .ifindex = ifindex };

	report(state, &event, text);
}

void event_report_policy(const struct state *state, enum tproxy_event_type type, const char *text)
{
	struct tproxy_event event = { .type = type, .bytes = { state->config.generation } };

	report(state, &event, text ? text : "");
}

void event_report_adopted(const struct state *state, enum tproxy_event_type type, const char *text)
{
	struct tproxy_event event = { .type = type };

	report(state, &event, text);
}
