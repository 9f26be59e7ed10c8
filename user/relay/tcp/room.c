/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/room.h"

#include <string.h>

#include "lib/util.h"
#include "relay/log/record.h"

#define EVICT_IDLE_MS 2000 /* an equal client's connection goes only if it was idle for longer */
#define EVICT_TRIES 4      /* another thread may take what became free */

void room_warn(struct conns *all, const char *what, int err)
{
	if (record_limit_take(&all->warnings, all->ctx->worker.now))
		record_say(RECORD_WARN,
			   "accepting: %s: %s (check the limits of open files and memory)", what,
			   strerror(err));
}

bool room_make(struct conns *all, const struct lane *lane)
{
	bool must;
	struct flow_link *flow = lanes_victim(all->ctx->lanes, LANE_TCP, lane, &must);
	struct conn *c = flow ? container_of(flow, struct conn, flow) : NULL;

	if (!c || (!must && c->w->now - c->last < EVICT_IDLE_MS))
		return false;
	all->ctx->stats.limited++;
	conn_finish(c, END_EVICTED, 0, RESET_BOTH);
	return true;
}

bool room_take(struct conns *all, const struct lane *lane)
{
	bool few = lane_count(lane, LANE_TCP) < BUDGET_FEW_FLOWS;

	for (int i = 0; i < EVICT_TRIES; i++) {
		if (budget_take(&all->descriptors, CONN_DESCRIPTORS, few))
			return true;
		room_warn(all, "resetting connections of the clients that have the most", EMFILE);
		if (!room_make(all, lane))
			return false;
	}
	return false;
}
