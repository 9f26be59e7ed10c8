/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/loop/worker.h"

#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"

#define EVENTS_PER_TURN 256

int worker_watch(struct worker *w, struct io *io, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = io };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, io->fd, &ev) ? -errno : 0;
}

int worker_rewatch(struct worker *w, struct io *io, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = io };

	return epoll_ctl(w->epoll, EPOLL_CTL_MOD, io->fd, &ev) ? -errno : 0;
}

void worker_unwatch(struct worker *w, int fd)
{
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void worker_close_io(struct io *io)
{
	if (io->fd >= 0)
		close(io->fd);
	io->fd = -1;
}

void worker_queue(struct worker *w, struct task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	task->turn = w->turn;
	TAILQ_INSERT_TAIL(&w->tasks, task, link);
}

void worker_unqueue(struct worker *w, struct task *task)
{
	if (!task->queued)
		return;
	task->queued = false;
	TAILQ_REMOVE(&w->tasks, task, link);
}

void worker_free_later(struct worker *w, struct free_later *link, void *mem)
{
	link->mem = mem;
	link->next = w->to_free;
	w->to_free = link;
}

static void free_now(struct worker *w)
{
	while (w->to_free) {
		void *mem = w->to_free->mem;

		w->to_free = w->to_free->next;
		free(mem);
	}
}

uint64_t worker_new_id(struct worker *w)
{
	uint64_t id = w->next_id;

	w->next_id += w->id_step;
	return id;
}

/* Tasks queued by these tasks wait for the next turn. */
static void run_tasks(struct worker *w)
{
	struct task *task;

	w->turn++;
	while ((task = TAILQ_FIRST(&w->tasks)) && task->turn != w->turn) {
		worker_unqueue(w, task);
		task->run(task);
	}
}

void worker_turn(struct worker *w)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int timeout = TAILQ_EMPTY(&w->tasks) ? wheel_timeout(&w->wheel, monotonic_ms()) : 0;
	int n = epoll_wait(w->epoll, events, EVENTS_PER_TURN, timeout);

	w->now = monotonic_ms();
	for (int i = 0; i < n; i++) {
		struct io *io = events[i].data.ptr;

		if (io->fd >= 0)
			io->ready(io, events[i].events);
	}
	run_tasks(w);
	wheel_run(&w->wheel, w->now);
	free_now(w);
	atomic_store_explicit(&w->latest_id, w->next_id, memory_order_relaxed);
	atomic_store_explicit(&w->beats, w->turn, memory_order_relaxed);
}

int worker_open(struct worker *w, uint64_t first_id, uint64_t id_step)
{
	*w = (struct worker){ .now = monotonic_ms(), .next_id = first_id, .id_step = id_step };
	wheel_init(&w->wheel, w->now);
	TAILQ_INIT(&w->tasks);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	return w->epoll < 0 ? -errno : 0;
}

void worker_close(struct worker *w)
{
	free_now(w);
	cleanup_fd(&w->epoll);
}
