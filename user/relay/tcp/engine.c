/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/engine.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/tcp/conn.h"
#include "relay/log/record.h"

#define ACCEPTS_PER_TURN 64
#define PAUSE_MIN_MS 100
#define PAUSE_SPREAD_MS 900 /* so that the workers do not come back together */
#define WARN_EVERY_MS 60000

/* Descriptors above the high-water mark are for onward sockets, pipes, UDP and the log. */
#define RESERVE_MIN 16
#define RESERVE_MAX 1024

struct acceptor {
	struct io io; /* a listener, borrowed */
	struct acceptors *all;
};

struct acceptors {
	struct worker *w;
	int spare; /* given up to accept and reset one connection when there is no other */
	bool paused;
	struct record_limit warnings;
	int high_water; /* the kernel gives the lowest free number: at this one, all below are taken */
	unsigned int seed;
	struct timer pause;
	unsigned int count;
	struct acceptor list[LISTENER_ROWS * 2];
};

enum accepted { ACCEPTED, ACCEPT_FAILED, ACCEPT_EMPTY, ACCEPT_STOP };

static int accept_rewatch(struct acceptors *a, uint32_t events)
{
	int err = 0;

	for (unsigned int i = 0; i < a->count && !err; i++)
		if (a->list[i].io.fd >= 0)
			err = worker_rewatch(a->w, &a->list[i].io, events);
	return err;
}

static void accept_warn(struct acceptors *a, const char *what, int err)
{
	if (record_limit_take(&a->warnings, a->w->now))
		record_say(RECORD_WARN,
			   "accepting: %s: %s (check the limits of open files and memory)", what,
			   strerror(err));
}

static void accept_pause(struct acceptors *a, int err)
{
	accept_warn(a, "pausing", err);
	a->paused = true;
	accept_rewatch(a, 0);
	timer_set(&a->w->wheel, &a->pause,
		  a->w->now + PAUSE_MIN_MS + (unsigned int)rand_r(&a->seed) % PAUSE_SPREAD_MS);
}

static void accept_resume(struct timer *timer)
{
	struct acceptors *a = container_of(timer, struct acceptors, pause);
	int err;

	a->paused = false;
	if (a->spare < 0)
		a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	err = accept_rewatch(a, EPOLLIN);
	if (err)
		accept_pause(a, err);
}

static bool accept_make_room(struct acceptors *a)
{
	accept_warn(a, "resetting the longest idle connections", EMFILE);
	return conn_evict(a->w);
}

/* Out of descriptors: the client learns by RST at once, not by a time-out. */
static enum accepted accept_shed(struct acceptors *a, int listener, int err)
{
	union saddr client;
	socklen_t len = sizeof(client);
	int fd = -1;

	if (err == EMFILE && accept_make_room(a))
		return ACCEPTED;
	if (a->spare >= 0) {
		close(a->spare);
		fd = accept4(listener, &client.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			conn_shed(a->w, fd, &client, err);
		a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (fd >= 0 && a->spare >= 0)
		return ACCEPTED;
	accept_pause(a, err);
	return ACCEPT_STOP;
}

static enum accepted accept_failed(struct acceptors *a, int listener, int err)
{
	switch (err) {
	case EAGAIN:
		return ACCEPT_EMPTY;
	case EMFILE:
	case ENFILE:
		return accept_shed(a, listener, err);
	case ENOBUFS:
	case ENOMEM:
		accept_pause(a, err);
		return ACCEPT_STOP;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
		/* Cannot happen to an open listener; were it to, level triggering would spin. */
		accept_pause(a, err);
		return ACCEPT_STOP;
	default:
		/* The connection broke while it waited: accept(2) lists the errors. */
		return ACCEPT_FAILED;
	}
}

static enum accepted accept_one(struct acceptors *a, int listener)
{
	union saddr client;
	socklen_t len = sizeof(client);
	int fd = accept4(listener, &client.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return accept_failed(a, listener, errno);
	if (fd >= a->high_water && !accept_make_room(a)) {
		conn_shed(a->w, fd, &client, EMFILE);
		return ACCEPTED;
	}
	conn_open(a->w, fd, &client);
	return ACCEPTED;
}

static void accept_ready(struct io *io, uint32_t events)
{
	struct acceptors *a = container_of(io, struct acceptor, io)->all;
	enum accepted r = ACCEPTED;
	int failed = 0;

	(void)events;
	if (a->paused) {
		accept_rewatch(a, 0);
		return;
	}
	for (int i = 0; i < ACCEPTS_PER_TURN && r <= ACCEPT_FAILED; i++) {
		r = accept_one(a, io->fd);
		failed = r == ACCEPT_FAILED ? failed + 1 : 0;
	}
	/* An error that stays, such as a security module's, would make the loop spin. */
	if (failed == ACCEPTS_PER_TURN)
		accept_pause(a, ECONNABORTED);
}

static int high_water_mark(unsigned long nofile)
{
	unsigned long reserve = nofile / 16;

	if (reserve < RESERVE_MIN)
		reserve = RESERVE_MIN;
	if (reserve > RESERVE_MAX)
		reserve = RESERVE_MAX;
	return nofile > reserve ? (int)(nofile - reserve) : 0;
}

int acceptors_open(struct worker *w, struct acceptors **ret_acceptors)
{
	struct acceptors *a = calloc(1, sizeof(*a));
	int err = 0;

	if (!a)
		return -ENOMEM;
	*ret_acceptors = a;
	a->w = w;
	a->seed = w->index + (unsigned int)w->now;
	a->pause.fire = accept_resume;
	a->warnings = (struct record_limit){ .what = "warnings about accepting",
					     .max = 1,
					     .window_ms = WARN_EVERY_MS };
	a->high_water = high_water_mark(w->relay->nofile);
	a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (a->spare < 0)
		return -errno;
	for (unsigned int row = 0; row < LISTENER_ROWS; row++) {
		for (int cls = TPROXY_TCP4; cls <= TPROXY_TCP6 && !err; cls++) {
			struct acceptor *one = &a->list[a->count];

			if (w->listeners->fds[row][cls] < 0)
				continue;
			one->io = (struct io){ .fd = w->listeners->fds[row][cls],
					       .ready = accept_ready };
			one->all = a;
			a->count++;
			err = worker_watch(w, &one->io, EPOLLIN);
		}
	}
	return err;
}

void acceptors_drain(struct acceptors *a)
{
	for (unsigned int i = 0; i < a->count; i++) {
		enum accepted r = ACCEPTED;

		/* Closing a listener resets what waits in its queue. */
		for (int failed = 0;
		     !a->paused && r <= ACCEPT_FAILED && failed < ACCEPTS_PER_TURN;) {
			r = accept_one(a, a->list[i].io.fd);
			failed += r == ACCEPT_FAILED;
		}
		a->list[i].io.fd = -1;
	}
	timer_cancel(&a->w->wheel, &a->pause);
}

void acceptors_close(struct acceptors *a)
{
	if (!a)
		return;
	timer_cancel(&a->w->wheel, &a->pause);
	cleanup_fd(&a->spare);
	free(a);
}
