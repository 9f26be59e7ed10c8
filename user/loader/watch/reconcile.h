/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares what should be attached with what is attached, and repairs the difference. What should
 * be is in the entries of the ifaces map (by name: a device may have come back with another index)
 * and in the patterns given to watch.
 */
#ifndef TPROXY_LOADER_WATCH_RECONCILE_H
#define TPROXY_LOADER_WATCH_RECONCILE_H

#include "loader/steps/iface.h"
#include "loader/watch/retry.h"
#include "loader/watch/rulefight.h"

enum repair {
	REPAIR_ATTACHED, /* a device that matches a pattern */
	REPAIR_DEVICE,   /* a device that came back or was renamed */
	REPAIR_PROGRAM,
	REPAIR_ROUTING,    /* rule or route */
	REPAIR_RULE_ORDER, /* our rule was moved before another one, or back */
	REPAIR_LOOKUP,     /* the sk_lookup program */
	REPAIR_LEFT,       /* our program was removed from a device in another network namespace */
	REPAIR_SOURCE,     /* own traffic has another source address */
	REPAIR_ORDER,      /* our program runs again before unacknowledged ones */
	REPAIR_MAX
};
extern const char *const repair_names[REPAIR_MAX];

struct reconcile {
	struct session *session;
	const char *const *patterns; /* names and globs; may be empty */
	size_t n_patterns;
	/* Called after each repair; ifname is "" if it concerns no interface. */
	void (*repaired)(enum repair what, const char *ifname, void *arg);
	/* Called once if another program was put before ours too often. */
	void (*gave_up)(const char *ifname, const char *whom, void *arg);
	struct retry_table *retry;   /* outlives this pass */
	struct own_proxies *proxies; /* outlives this pass */
	/* Another rule is moved before ours again and again, so ours stays for now; or over. */
	void (*fought)(const struct rulefight *fight, bool over, void *arg);
	struct rulefight *fight; /* outlives this pass */
	void *arg;
};

/* One pass with the lock held. 0, or the first (reported) -errno; the rest is still tried. */
int reconcile(const struct reconcile *r);

#endif
