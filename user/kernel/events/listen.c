/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/events/listen.h"

#include "kernel/state/program.h"

#define RING_BYTES (1 << 18) /* some 1900 events */

static int heard(void *arg, void *data, size_t size)
{
	const struct event_listener *l = arg;

	return size < sizeof(struct tproxy_event) ? 0 : l->heard(data, l->arg);
}

static int begin(struct event_listener *l, const struct state *state)
{
	const struct watch_wish wish = {
		.kinds = TPROXY_WATCH_EVENTS, .bytes = RING_BYTES, .cb = heard, .arg = l
	};
	int err = watch_session_open(&l->watch, state, &wish);

	if (err)
		watch_session_close(&l->watch);
	else
		l->state = program_map_id(state->map[MAP_WATCHERS]);
	return err;
}

/* Other programs on the same maps change nothing: the slot is in a map. */
int event_listener_follow(struct event_listener *l, const struct state *state)
{
	if (l->state && l->state == program_map_id(state->map[MAP_WATCHERS]) &&
	    !watch_session_renew(&l->watch, 0))
		return 0;
	event_listener_read(l);
	event_listener_close(l);
	return begin(l, state);
}

int event_listener_fd(const struct event_listener *l)
{
	return watch_session_fd(&l->watch);
}

void event_listener_read(struct event_listener *l)
{
	watch_session_read(&l->watch);
}

uint64_t event_listener_lost(struct event_listener *l)
{
	const uint64_t before = l->lost;

	if (!l->state)
		return 0;
	l->lost = watch_session_totals(&l->watch).lost;
	return l->lost - before;
}

void event_listener_close(struct event_listener *l)
{
	watch_session_close(&l->watch);
	l->state = 0;
	l->lost = 0;
}
