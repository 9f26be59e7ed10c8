/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/watch/rulefight.h"

#include <string.h>

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

/* True if this move is the tenth within the time. */
static bool count_move(struct rulefight *fight)
{
	__u64 now = monotonic_ms();
	__u64 tenth_last;

	fight->moved = false;
	fight->moves[fight->next] = now;
	fight->next = (fight->next + 1) % RULEFIGHT_MOVES;
	tenth_last = fight->moves[fight->next];
	return tenth_last && now - tenth_last < RULEFIGHT_WINDOW_MS;
}

enum rulefight_news rulefight_end_pass(struct rulefight *fight)
{
	bool too_many = fight->moved && count_move(fight);
	bool told = fight->told;

	if (too_many) {
		memset(fight->moves, 0, sizeof(fight->moves));
		fight->held_until = monotonic_ms() + RULEFIGHT_HOLD_MS;
		fight->told = true;
		return told ? RULEFIGHT_NO_NEWS : RULEFIGHT_BEGINS;
	}
	if (!told || !rulefight_is_calm(fight))
		return RULEFIGHT_NO_NEWS;
	fight->told = false;
	fight->held_until = 0;
	return RULEFIGHT_ENDS;
}
