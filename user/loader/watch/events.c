/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/watch/events.h"

#include <string.h>

#include "kernel/maps/policy_maps.h"
#include "loader/show/show.h"
#include "loader/show/stamp.h"

#define DOWN_REPORT_S 10

struct json_object *watch_event(const char *event)
{
	struct json_object *object = show_json_root();
	char text[STAMP_LEN];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_object_add(object, "time", json_object_new_string(stamp_text(&now, text)));
	json_object_object_add(object, "event", json_object_new_string(event));
	return object;
}

void watch_events_repaired(enum repair what, const char *ifname, void *arg)
{
	struct watch_events *events = arg;
	struct json_object *event;

	events->repairs++;
	if (!events->json) {
		log_info("%s%srepaired: %s", ifname, *ifname ? ": " : "", repair_names[what]);
		return;
	}
	event = watch_event("repair");
	json_object_object_add(event, "what", json_object_new_string(repair_names[what]));
	if (*ifname)
		json_object_object_add(event, "interface", json_object_new_string(ifname));
	show_json_print(event);
}

void watch_events_gave_up(const char *ifname, const char *whom, void *arg)
{
	struct watch_events *events = arg;
	struct json_object *event;

	if (!events->json) {
		log_warn("%s: the %s is moved before ours again and again: ours is not moved any "
			 "more (remove it, or accept it: tproxy-loader attach %s --after NAME)",
			 ifname, whom, ifname);
		return;
	}
	event = watch_event("gave_up");
	json_object_object_add(event, "interface", json_object_new_string(ifname));
	json_object_object_add(event, "whom", json_object_new_string(whom));
	show_json_print(event);
}

void watch_events_fought(const struct rulefight *fight, bool over, void *arg)
{
	struct watch_events *events = arg;
	struct json_object *event;

	if (events->json) {
		event = watch_event(over ? "rule_fight_over" : "rule_fight");
		json_object_object_add(event, "interface", json_object_new_string(fight->ifname));
		json_object_object_add(event, "rule", json_object_new_string(fight->rule));
		show_json_print(event);
	} else if (over) {
		log_info("%s: our routing rule stays first now", fight->ifname);
	} else {
		log_warn(
			"%s: not all its flows arrive: the rule \"%s\" is moved before ours "
			"again and again (ours was moved %d times in a minute, and now stays for a "
			"minute; ip monitor rule shows the changes)",
			fight->ifname, fight->rule, REPEATS_MANY);
	}
}

void watch_events_adopted(enum follow_news news, const char *text, void *arg)
{
	static const char *const names[FOLLOW_NEWS_MAX] = {
		[FOLLOW_ADOPTED] = "adopted",
		[FOLLOW_CLOSED] = "adopted_closed",
		[FOLLOW_STRANGER] = "not_adopted",
		[FOLLOW_SHIM] = "shim",
	};
	const struct watch_events *events = arg;
	struct json_object *event;

	if (events->json) {
		event = watch_event(names[news]);
		json_object_object_add(event, "text", json_object_new_string(text));
		show_json_print(event);
	} else if (news == FOLLOW_STRANGER) {
		log_warn("%s", text);
	} else {
		log_info("%s", text);
	}
}

static void report_down(struct watch_events *events, const __u64 now[3])
{
	static const char *const names[] = { "dropped", "passed", "reset" };
	struct json_object *event;

	if (!events->json) {
		log_warn("no listener: %llu packets dropped, %llu passed, %llu reset",
			 now[0] - events->down[0], now[1] - events->down[1],
			 now[2] - events->down[2]);
		return;
	}
	event = watch_event("no_listener");
	for (int i = 0; i < 3; i++)
		json_object_object_add(event, names[i],
				       json_object_new_uint64(now[i] - events->down[i]));
	show_json_print(event);
}

void watch_events_down(struct watch_events *events, const struct state *state)
{
	__u64 counters[TPROXY_COUNT_MAX], now[3];
	time_t time_now = time(NULL);

	if (policy_maps_counters(state, counters))
		return;
	now[0] = counters[TPROXY_COUNT_DOWN_DROP];
	now[1] = counters[TPROXY_COUNT_DOWN_PASS];
	now[2] = counters[TPROXY_COUNT_DOWN_RESET];
	if (now[0] < events->down[0] || now[1] < events->down[1] || now[2] < events->down[2])
		memset(events->down, 0, sizeof(events->down)); /* a new state counts from zero */
	if (!memcmp(now, events->down, sizeof(now)) ||
	    time_now - events->down_reported < DOWN_REPORT_S)
		return;
	report_down(events, now);
	memcpy(events->down, now, sizeof(now));
	events->down_reported = time_now;
}
