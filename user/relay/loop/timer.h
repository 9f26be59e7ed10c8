/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers of one worker in a hashed wheel: setting, moving and cancelling cost the same with ten
 * timers or a million. Owns no clock: callers pass the time, in milliseconds of CLOCK_MONOTONIC.
 * Not thread safe.
 */
#ifndef TPROXY_RELAY_LOOP_TIMER_H
#define TPROXY_RELAY_LOOP_TIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define WHEEL_SLOTS 4096
#define WHEEL_TICK_MS 50 /* precision; one turn is 205 s, longer timers go round again */

struct timer {
	LIST_ENTRY(timer) link;
	uint64_t due; /* tick */
	void (*fire)(struct timer *timer);
	bool armed;
};

LIST_HEAD(timer_list, timer);

struct timer_wheel {
	uint64_t tick; /* last tick that was run */
	unsigned int armed;
	uint64_t used[WHEEL_SLOTS / 64]; /* bit set: the slot has timers */
	struct timer_list slots[WHEEL_SLOTS];
};

void wheel_init(struct timer_wheel *wheel, uint64_t now_ms);

/* Fires once, not before due_ms, at most a tick and a loop turn late. Moves an armed timer. */
void timer_set(struct timer_wheel *wheel, struct timer *timer, uint64_t due_ms);
void timer_cancel(struct timer_wheel *wheel, struct timer *timer);

/* Fires what is due. Callbacks may set and cancel any timer, and free their own. */
void wheel_run(struct timer_wheel *wheel, uint64_t now_ms);

/* Milliseconds to sleep until something may be due; -1: nothing is armed. */
int wheel_timeout(const struct timer_wheel *wheel, uint64_t now_ms);

#endif
