/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares what should be attached with what is, and repairs the difference. What
 * should be is the entries of the ifaces map (by name: a device may have come back
 * under another index) and the patterns given to watch.
 */
#ifndef TPROXY_LOADER_WATCH_RECONCILE_H
#define TPROXY_LOADER_WATCH_RECONCILE_H

#include "loader/steps/iface.h"
#include "loader/watch/patience.h"
#include "loader/watch/rulefight.h"

enum repair {
	REPAIR_ATTACHED, /* a device that matches a pattern */
	REPAIR_DEVICE,   /* a device that came back or was renamed */
	REPAIR_PROGRAM,
	REPAIR_ROUTING,    /* rule or route */
	REPAIR_RULE_ORDER, /* the rule was moved: another one would decide first, or none does */
	REPAIR_LOOKUP,     /* the sk_lookup program */
	REPAIR_LEFT,       /* a device that left for another network namespace: ours stays here */
	REPAIR_ORDER,      /* our program runs before those that were not acknowledged again */
	REPAIR_MAX
};
extern const char *const repair_names[REPAIR_MAX];

struct reconcile {
	struct session *session;
	const char *const *patterns; /* names and globs; may be empty */
	size_t n_patterns;
	/* Called after each repair; ifname "" for what belongs to no interface. */
	void (*repaired)(enum repair what, const char *ifname, void *arg);
	/* Called once when another program was put before ours too often. */
	void (*gave_up)(const char *ifname, const char *whom, void *arg);
	struct patience_table *patience; /* outlives this pass */
	/* Another rule is put before ours again and again, and ours is not moved for now; or over. */
	void (*fought)(const struct rulefight *fight, bool over, void *arg);
	struct rulefight *fight; /* outlives this pass */
	void *arg;
};

/* One pass with the lock held. 0, or the first (reported) -errno; the rest is still tried. */
int reconcile(const struct reconcile *r);

#endif
