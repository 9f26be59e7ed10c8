/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which flow ends when there is no room for another one: of the client that has the most, unless
 * forged addresses flood us. Must not open anything.
 */
#include "lib/util.h"
#include "relay/udp/session.h"

/* Flows without an answer may be a flood. They go first if they are more than one in so many. */
#define UNANSWERED_SHARE 8
#define FLOODER_SHARE 8 /* of these the part that one client has if he is the flood */

static struct session *session_of(struct flow_link *flow)
{
	return flow ? container_of(flow, struct session, flow) : NULL;
}

static bool evict(struct session *s)
{
	if (!s)
		return false;
	s->e->ctx->stats.limited++;
	session_finish(s, END_LIMIT, 0);
	return true;
}

static bool evict_of(struct udp_engine *e, const struct lane *lane)
{
	struct session *one = session_of(lane_oldest(lane, LANE_UDP_UNANSWERED));
	struct session *other = session_of(lane_oldest(lane, LANE_UDP_ANSWERED));

	return evict(!one || (other && other->last < one->last) ? other : one);
}

/*
 * Of the flows without an answer. Where no client has many of them, a flood may come from forged
 * addresses, each of which has one: the longest idle goes.
 */
static struct session *unanswered_victim(struct udp_engine *e, const struct lane *newcomer)
{
	bool must;

	if (lanes_largest(e->ctx->lanes, LANE_UDP_UNANSWERED) * FLOODER_SHARE < e->unanswered.count)
		return TAILQ_FIRST(&e->unanswered.sessions);
	return session_of(lanes_victim(e->ctx->lanes, LANE_UDP_UNANSWERED, newcomer, &must));
}

bool session_make_room(struct udp_engine *e, const struct lane *newcomer)
{
	bool flood = e->unanswered.count > e->count / UNANSWERED_SHARE, must;
	struct session *answered =
		session_of(lanes_victim(e->ctx->lanes, LANE_UDP_ANSWERED, newcomer, &must));

	return evict(flood || !answered ? unanswered_victim(e, newcomer) : answered);
}

static unsigned int flows_of(const struct lane *lane)
{
	return lane_count(lane, LANE_UDP_UNANSWERED) + lane_count(lane, LANE_UDP_ANSWERED);
}

/*
 * UDP flows do not say when they are over. So a client that has the part of everything that one may
 * have by default gets another one in place of his longest idle one, and a few in each thread.
 */
static bool replaces_own(const struct udp_engine *e, const struct lane *lane)
{
	return e->ctx->settings->limits.max_flows_per_source == LIMIT_BY_DESCRIPTORS &&
	       lane_is_over_default_udp(lane) && flows_of(lane) >= BUDGET_FEW_FLOWS;
}

/* What ends here leaves its descriptor to the new flow. */
bool session_take_room(struct udp_engine *e, const struct lane *lane)
{
	bool few = flows_of(lane) < BUDGET_FEW_FLOWS, taken;

	budget_keep(&e->descriptors);
	if (flows_of(lane) >= e->max_per_source || replaces_own(e, lane))
		evict_of(e, lane);
	if (e->count >= e->max)
		session_make_room(e, lane);
	taken = budget_take(&e->descriptors, 1, few) ||
		((reply_evict(e->replies) || session_make_room(e, lane)) &&
		 budget_take(&e->descriptors, 1, few));
	budget_release(&e->descriptors);
	return taken;
}
