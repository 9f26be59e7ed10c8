/* SPDX-License-Identifier: BSD-2-Clause */
/* monitor: prints what happens to the state and its flows. Owns the loop. */
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "loader/app/signals.h"
#include "loader/commands.h"
#include "loader/monitor/monitor.h"
#include "loader/monitor/request.h"

#define LOOK_MS 1000
/* After an event that a look explains: other events of the same command come first. */
#define HURRY_MS 100

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Until an event comes, or `until`. False: a signal ends the monitor. */
static bool wait_for_news(struct monitoring *m, int signals, uint64_t until)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = event_listener_fd(&m->listener), .events = POLLIN },
	};
	const uint64_t now = monotonic_ms();

	if (poll(fds, ARRAY_SIZE(fds), until > now ? (int)(until - now) : 0) < 0)
		return errno == EINTR;
	event_listener_read(&m->listener);
	return !fds[0].revents;
}

/* False after a reported error. */
static bool run(struct monitoring *m, int signals, uint64_t end)
{
	uint64_t due;

	do {
		if (!monitoring_look(m))
			return false;
		due = monotonic_ms() + LOOK_MS;
		while (monotonic_ms() < earlier(due, end) && !monitor_out_is_full(&m->out)) {
			if (!wait_for_news(m, signals, earlier(due, end)))
				return true;
			if (m->held)
				break;
			if (m->hurry)
				due = earlier(due, monotonic_ms() + HURRY_MS);
		}
	} while (monotonic_ms() < end && !monitor_out_is_full(&m->out));
	return !m->out.failed;
}

int cmd_monitor(struct app *app, int argc, char **argv)
{
	static struct monitoring m = { .listener = EVENT_LISTENER_CLOSED };
	struct monitor_request request;
	int signals, code = monitor_request_parse(&request, app, argc, argv);
	uint64_t end;
	bool done;

	if (code)
		return code;
	if (!app_enter(app))
		return EXIT_FAILED;
	signals = signals_take_ends();
	signal(SIGPIPE, SIG_DFL); /* it changes nothing that must be completed */
	if (signals < 0) {
		log_error("monitor: cannot wait for signals: %s", strerror(errno));
		return EXIT_FAILED;
	}
	end = request.duration_ms ? monotonic_ms() + request.duration_ms : UINT64_MAX;
	m.app = app;
	m.out = (struct monitor_out){ .json = app->json, .limit = request.count };
	m.listener.heard = monitoring_heard;
	m.listener.arg = &m;
	done = run(&m, signals, end);
	monitoring_close(&m);
	close(signals);
	return done ? EXIT_DONE : EXIT_FAILED;
}
