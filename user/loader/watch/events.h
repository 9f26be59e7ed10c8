/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `watch` reports of its own work, as lines of text or as JSON objects: repairs, places that
 * another program takes again and again, packets without a listener. report.h reports the checks.
 */
#ifndef TPROXY_LOADER_WATCH_EVENTS_H
#define TPROXY_LOADER_WATCH_EVENTS_H

#include <json-c/json.h>

#include "loader/adopt/follow.h"
#include "loader/watch/reconcile.h"

struct watch_events {
	bool json;
	unsigned long repairs; /* so far */
	__u64 down[3];         /* drop, pass, reset: the counters at the latest report */
	time_t down_reported;
};

/* Callbacks for struct reconcile; arg: a struct watch_events. */
void watch_events_repaired(enum repair what, const char *ifname, void *arg);
void watch_events_gave_up(const char *ifname, const char *whom, void *arg);
void watch_events_fought(const struct rulefight *fight, bool over, void *arg);
/* For struct follow; arg likewise. */
void watch_events_adopted(enum follow_news news, const char *text, void *arg);
/* Reports packets without a listener, which the data path counts, at most every ten seconds. */
void watch_events_down(struct watch_events *events, const struct state *state);

/* A JSON object for an event, with its time; show_json_print prints it. */
struct json_object *watch_event(const char *event);

#endif
