/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When watch moves our routing rule before another one, and somebody moves that one before ours
 * again: for how long. After ten moves within a minute ours stays where it is for a minute.
 * Owns the memory of this only; reconcile.c moves.
 */
#ifndef TPROXY_LOADER_WATCH_RULEFIGHT_H
#define TPROXY_LOADER_WATCH_RULEFIGHT_H

#include <linux/types.h>
#include <stdbool.h>

#include "kernel/routing/rules.h"

#define RULEFIGHT_MOVES 10
#define RULEFIGHT_WINDOW_MS 60000 /* so many moves within this time are a fight */
#define RULEFIGHT_HOLD_MS 60000   /* then none for so long */
#define RULEFIGHT_CALM_MS 10000 /* without an earlier rule: the way back, and the end of a fight */

struct rulefight {
	__u64 moves
		[RULEFIGHT_MOVES]; /* passes that moved something, CLOCK_MONOTONIC in ms, a ring */
	unsigned int next;
	__u64 held_until;         /* 0: not held */
	__u64 seen;               /* when an earlier rule was last there */
	bool told;                /* a fight is under way, and its begin was told */
	bool moved;               /* in this pass */
	char ifname[IF_NAMESIZE]; /* of the latest earlier rule */
	char rule[RULE_TEXT_LEN];
};

enum rulefight_news { RULEFIGHT_NO_NEWS, RULEFIGHT_BEGINS, RULEFIGHT_ENDS };

/* Are moves out of the question for now? */
bool rulefight_holds(const struct rulefight *fight);
/* Has there been no earlier rule for a while, so that ours may go back to its usual place? */
bool rulefight_is_calm(const struct rulefight *fight);
void rulefight_see(struct rulefight *fight, const char *ifname, const struct route_rule *rule);
void rulefight_move(struct rulefight *fight);
/* At the end of a pass over all interfaces. */
enum rulefight_news rulefight_end_pass(struct rulefight *fight);

#endif
