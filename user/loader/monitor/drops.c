/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets that the data path dropped or refused since the last look, by reason. */
#include <string.h>

#include "kernel/maps/drops.h"
#include "loader/monitor/monitor.h"

static void say(struct monitoring *m, enum tproxy_counter counter, __u64 packets, __u64 total)
{
	struct json_object *detail = monitor_detail();

	monitor_add_text(detail, "reason", drops_name(counter));
	monitor_add_number(detail, "packets", packets);
	monitor_add_number(detail, "total", total);
	monitor_say(&m->out, NULL, "drops", detail, "%s: %llu packet%s, %llu in all (%s)",
		    drops_name(counter), packets, packets == 1 ? "" : "s", total,
		    drops_meaning(counter));
}

void monitoring_look_drops(struct monitoring *m, const struct session *session)
{
	const __u64 dropping = drops_counters(&session->state.config);
	__u64 now[TPROXY_COUNT_MAX];

	if (policy_maps_counters(&session->state, now))
		return;
	for (int i = 0; i < TPROXY_COUNT_MAX && m->looked; i++)
		if (dropping >> i & 1 && now[i] > m->counters[i])
			say(m, (enum tproxy_counter)i, now[i] - m->counters[i], now[i]);
	memcpy(m->counters, now, sizeof(now));
}
