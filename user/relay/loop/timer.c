/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/loop/timer.h"

#include <string.h>

void wheel_init(struct timer_wheel *wheel, uint64_t now_ms)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->tick = now_ms / WHEEL_TICK_MS;
}

static void slot_mark(struct timer_wheel *wheel, unsigned int slot)
{
	uint64_t bit = 1ULL << (slot % 64);

	if (LIST_EMPTY(&wheel->slots[slot]))
		wheel->used[slot / 64] &= ~bit;
	else
		wheel->used[slot / 64] |= bit;
}

void timer_cancel(struct timer_wheel *wheel, struct timer *timer)
{
	if (!timer->armed)
		return;
	LIST_REMOVE(timer, link);
	timer->armed = false;
	wheel->armed--;
	slot_mark(wheel, timer->due % WHEEL_SLOTS);
}

void timer_set(struct timer_wheel *wheel, struct timer *timer, uint64_t due_ms)
{
	uint64_t due = (due_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;

	timer_cancel(wheel, timer);
	/* A slot that was already run would wait for a whole turn. */
	timer->due = due > wheel->tick ? due : wheel->tick + 1;
	timer->armed = true;
	wheel->armed++;
	LIST_INSERT_HEAD(&wheel->slots[timer->due % WHEEL_SLOTS], timer, link);
	slot_mark(wheel, timer->due % WHEEL_SLOTS);
}

/* Moves what is due out of a slot, so that callbacks can change the wheel freely. */
static void slot_collect(struct timer_wheel *wheel, unsigned int slot, uint64_t tick,
			 struct timer_list *due)
{
	struct timer *timer = LIST_FIRST(&wheel->slots[slot]);

	while (timer) {
		struct timer *next = LIST_NEXT(timer, link);

		if (timer->due <= tick) {
			LIST_REMOVE(timer, link);
			LIST_INSERT_HEAD(due, timer, link);
		}
		timer = next;
	}
	slot_mark(wheel, slot);
}

void wheel_run(struct timer_wheel *wheel, uint64_t now_ms)
{
	uint64_t tick = now_ms / WHEEL_TICK_MS;
	uint64_t turns = tick > wheel->tick ? tick - wheel->tick : 0;
	struct timer_list due = LIST_HEAD_INITIALIZER(due);
	struct timer *timer;

	if (turns > WHEEL_SLOTS)
		turns = WHEEL_SLOTS;
	for (uint64_t i = 0; i < turns; i++) {
		unsigned int slot = (tick - i) % WHEEL_SLOTS;

		if (wheel->used[slot / 64] & (1ULL << (slot % 64)))
			slot_collect(wheel, slot, tick, &due);
	}
	if (turns)
		wheel->tick = tick;
	while ((timer = LIST_FIRST(&due))) {
		timer_cancel(wheel, timer);
		timer->fire(timer);
	}
}

/* Slots from the next tick to the first one in use; WHEEL_SLOTS if there is none. */
static unsigned int slots_to_next(const struct timer_wheel *wheel)
{
	unsigned int first = (wheel->tick + 1) % WHEEL_SLOTS;
	uint64_t word = wheel->used[first / 64] >> (first % 64);

	if (word)
		return (unsigned int)__builtin_ctzll(word);
	for (unsigned int i = 1; i <= WHEEL_SLOTS / 64; i++) {
		word = wheel->used[(first / 64 + i) % (WHEEL_SLOTS / 64)];
		if (word)
			return i * 64 - first % 64 + (unsigned int)__builtin_ctzll(word);
	}
	return WHEEL_SLOTS;
}

int wheel_timeout(const struct timer_wheel *wheel, uint64_t now_ms)
{
	uint64_t wake;

	if (!wheel->armed)
		return -1;
	wake = (wheel->tick + 1 + slots_to_next(wheel)) * WHEEL_TICK_MS;
	return wake > now_ms ? (int)(wake - now_ms) : 0;
}
