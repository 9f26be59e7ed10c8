/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `watch` reports of the checks: a problem when it is new, and once more when it is gone.
 * Decides how often the checks run and when they may send probes; repairs nothing.
 */
#ifndef TPROXY_LOADER_WATCH_REPORT_H
#define TPROXY_LOADER_WATCH_REPORT_H

#include "loader/check/tools/checkup.h"

struct watch_report {
	bool json;
	struct problems known; /* reported, and not gone since then; owned */
	uint64_t ran_ms;       /* CLOCK_MONOTONIC of the latest run; 0: none yet */
	uint64_t cost_ms;      /* how long it took */
	uint64_t probed_ms;    /* the latest run with probes */
	bool changed;          /* something has changed since that run */
};

/*
 * Called after each look; `changed`: it was because of a change. Runs the checks when they are
 * due, without the lock: with a million prefixes they take a while, and other commands must not
 * wait for them.
 */
void watch_report_look(struct watch_report *r, struct app *app, bool changed);
/* Nothing is attached any more. */
void watch_report_forget(struct watch_report *r);

#endif
