/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/watchdog.h"

#include "lib/notify.h"
#include "lib/util.h"
#include "relay/config/options.h"

int watchdog_wait(const struct watchdog *w)
{
	uint64_t now = monotonic_ms();

	if (!w->period_ms)
		return -1;
	return now < w->due ? (int)(w->due - now) : 0;
}

/* One that pauses or drains may be about to end. */
static bool lives(struct watchdog *w, const struct relay_thread *threads, unsigned int i)
{
	uint64_t beats = atomic_load(&threads[i].ctx.worker.beats);
	bool beat = beats != w->beats[i];

	w->beats[i] = beats;
	return beat || atomic_load(&threads[i].order) != THREAD_RUN;
}

bool watchdog_feed(struct watchdog *w, const struct relay_thread *threads, unsigned int count)
{
	uint64_t now = monotonic_ms();
	bool alive = true;

	if (!w->period_ms || now < w->due)
		return false;
	w->due = now + w->period_ms;
	for (unsigned int i = 0; i < count; i++)
		alive &= lives(w, threads, i);
	if (alive)
		notify_systemd("WATCHDOG=1");
	return true;
}
