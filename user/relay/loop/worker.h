/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop of one thread: descriptors, timers, tasks, memory to free at the end of a turn,
 * the time and ids. Everything in it belongs to that thread. Must not know what connections and
 * sessions do: they plug in as struct io, struct timer and struct task.
 */
#ifndef TPROXY_RELAY_LOOP_WORKER_H
#define TPROXY_RELAY_LOOP_WORKER_H

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/queue.h>

#include "relay/loop/timer.h"

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* A descriptor in the loop. fd < 0: it was closed, further events are dropped. */
struct io {
	int fd;
	void (*ready)(struct io *io, uint32_t events);
};

/* Work that waits for the other events of a turn, so that no flow starves the rest. */
struct task {
	TAILQ_ENTRY(task) link;
	void (*run)(struct task *task);
	uint64_t turn; /* in which it was queued */
	bool queued;
};

/* Part of an object that events of this turn may still point to when it is no longer needed. */
struct free_later {
	struct free_later *next;
	void *mem; /* the whole object */
};

TAILQ_HEAD(task_queue, task);

struct worker {
	int epoll;
	uint64_t now;               /* ms of CLOCK_MONOTONIC at the start of this turn */
	uint64_t turn;              /* its number */
	_Atomic uint64_t beats;     /* turns that are done: shows others that the thread lives */
	_Atomic uint64_t latest_id; /* next_id after the last turn, for others */
	uint64_t next_id;
	uint64_t id_step;
	struct timer_wheel wheel;
	struct task_queue tasks;
	struct free_later *to_free;
};

/*
 * Ids are first_id, first_id + id_step and so on: workers with other first ones never share
 * one. 0 or -errno; worker_close in any case.
 */
int worker_open(struct worker *w, uint64_t first_id, uint64_t id_step);

/* Waits for events, and handles them and all that is due. */
void worker_turn(struct worker *w);

/* Frees what it owns. Descriptors that it watched belong to others. */
void worker_close(struct worker *w);

/* events: EPOLL…; io->fd and io->ready are set. 0 or -errno. */
int worker_watch(struct worker *w, struct io *io, uint32_t events);
int worker_rewatch(struct worker *w, struct io *io, uint32_t events);

/* For a descriptor that others keep open: closing takes it out of epoll only at the last one. */
void worker_unwatch(struct worker *w, int fd);
void worker_close_io(struct io *io);

/* Whether err, positive, means a lack of descriptors or memory, which others may give back. */
static inline bool worker_is_short(int err)
{
	/* ENOSPC: fs.epoll.max_user_watches. */
	return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS || err == ENOSPC;
}

/* A queued task runs once, after the events of this turn. */
void worker_queue(struct worker *w, struct task *task);
void worker_unqueue(struct worker *w, struct task *task);

/* Frees mem at the end of this turn. link: a part of mem. */
void worker_free_later(struct worker *w, struct free_later *link, void *mem);

/* Unique among all workers, for as long as the process lives. */
uint64_t worker_new_id(struct worker *w);

#endif
