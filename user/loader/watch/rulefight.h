/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watch moves our routing rule before another one, and another program moves that one before ours
 * again: how long this continues. After ten moves within a minute ours stays where it is for a
 * minute. Keeps the times; reconcile.c moves the rule.
 */
#ifndef TPROXY_LOADER_WATCH_RULEFIGHT_H
#define TPROXY_LOADER_WATCH_RULEFIGHT_H

#include <linux/types.h>

#include "kernel/routing/rules.h"
#include "loader/watch/repeats.h"

#define RULEFIGHT_HOLD_MS 60000 /* no move for this time after too many */
/* So long without an earlier rule: ours moves back to its usual place, and a fight is over. */
#define RULEFIGHT_CALM_MS 10000

struct rulefight {
	struct repeats moves;     /* passes that moved something */
	__u64 held_until;         /* CLOCK_MONOTONIC, ms; 0: not held */
	__u64 seen;               /* when an earlier rule was last there */
	bool reported;            /* a fight is under way and was reported */
	bool moved;               /* in this pass */
	char ifname[IF_NAMESIZE]; /* of the latest earlier rule */
	char rule[RULE_TEXT_LEN];
};

enum rulefight_news { RULEFIGHT_NO_NEWS, RULEFIGHT_BEGINS, RULEFIGHT_ENDS };

/* Must our rules stay where they are for now? */
bool rulefight_holds(const struct rulefight *fight);
/* Has there been no earlier rule for a while, so that ours may move back to its usual place? */
bool rulefight_is_calm(const struct rulefight *fight);
/* There is an earlier rule. */
void rulefight_see(struct rulefight *fight, const char *ifname, const struct route_rule *rule);
/* Ours was moved in this pass. */
void rulefight_move(struct rulefight *fight);
/* At the end of a pass over all interfaces. */
enum rulefight_news rulefight_end_pass(struct rulefight *fight);

#endif
