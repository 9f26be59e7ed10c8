/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/watch/rulefight.h"

bool rulefight_holds(const struct rulefight *fight)
{
	return fight->held_until > monotonic_ms();
}

bool rulefight_is_calm(const struct rulefight *fight)
{
	return !fight->seen || monotonic_ms() - fight->seen > RULEFIGHT_CALM_MS;
}

void rulefight_see(struct rulefight *fight, const char *ifname, const struct route_rule *rule)
{
	fight->seen = monotonic_ms();
	snprintf(fight->ifname, sizeof(fight->ifname), "%s", ifname);
	rule_text(rule, fight->rule);
}

void rulefight_move(struct rulefight *fight)
{
	fight->moved = true;
}

static bool moved_too_often(struct rulefight *fight)
{
	const __u64 now = monotonic_ms();

	if (!fight->moved)
		return false;
	fight->moved = false;
	repeats_note(&fight->moves, now);
	return repeats_are_many(&fight->moves, now);
}

enum rulefight_news rulefight_end_pass(struct rulefight *fight)
{
	const bool reported = fight->reported;

	if (moved_too_often(fight)) {
		fight->moves = (struct repeats){ .n = 0 };
		fight->held_until = monotonic_ms() + RULEFIGHT_HOLD_MS;
		fight->reported = true;
		return reported ? RULEFIGHT_NO_NEWS : RULEFIGHT_BEGINS;
	}
	if (!reported || !rulefight_is_calm(fight))
		return RULEFIGHT_NO_NEWS;
	fight->reported = false;
	fight->held_until = 0;
	return RULEFIGHT_ENDS;
}
