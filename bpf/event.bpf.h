/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events for `monitor`: written to each watch session that wants them. For rare things only: without
 * a session an event costs a call. Reports; decides nothing.
 */
#ifndef TPROXY_EVENT_BPF_H
#define TPROXY_EVENT_BPF_H

#include "maps.bpf.h"
#include "tproxy.h"
#include "watch.bpf.h"

/* A global function: the verifier walks its loop once. */
__noinline int event_publish(struct tproxy_event *event)
{
	const __u64 now = bpf_ktime_get_ns();

	if (!event)
		return 0;
	for (__u32 i = 0; i < TPROXY_WATCHERS; i++)
		watch_put(i, TPROXY_WATCH_EVENTS, now, event, sizeof(*event));
	return 0;
}

__noinline int tproxy_event(struct tproxy_event *event)
{
	if (!event || !is_watched(TPROXY_WATCH_EVENTS))
		return 0;
	if (watch_is_wanted(TPROXY_WATCH_EVENTS))
		event_publish(event);
	return 0;
}

#endif
