/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `watch` reports of the table of checks: a problem when it is new, and once more when it is
 * gone. Decides how often the table runs, and when it may send probes; repairs nothing.
 */
#ifndef TPROXY_LOADER_WATCH_REPORT_H
#define TPROXY_LOADER_WATCH_REPORT_H

#include "loader/check/checkup.h"

struct watch_report {
	bool json;
	struct problems known; /* reported, and not gone since; owned */
	uint64_t ran_ms;       /* CLOCK_MONOTONIC of the latest run; 0: none yet */
	uint64_t cost_ms;      /* how long it took */
	uint64_t probed_ms;    /* the latest run with probes */
	bool changed;          /* something has changed since */
};

/*
 * After each look; `changed`: because of a change. Runs the table when it is due, without the
 * lock: with a million prefixes it takes a while, and other commands are not to wait for it.
 */
void watch_report_look(struct watch_report *r, struct app *app, bool changed);
/* Nothing is attached any more. */
void watch_report_forget(struct watch_report *r);

#endif
