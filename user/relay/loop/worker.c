/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/loop/worker.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "lib/util.h"
#include "relay/tcp/engine.h"
#include "relay/tcp/conn.h"
#include "relay/tcp/pump.h"
#include "relay/log/record.h"
#include "relay/udp/engine.h"

#define EVENTS_PER_TURN 256
#define ADDRESSES_RETRY_MS 1000

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

/*
 * Closing takes a descriptor out of epoll only when nobody else holds the open
 * file; for listeners see leave_listeners.
 */
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

void worker_free_later(struct worker *w, struct free_later *free_later, void *mem)
{
	free_later->mem = mem;
	free_later->next = w->free_later;
	w->free_later = free_later;
}

static void free_now(struct worker *w)
{
	while (w->free_later) {
		struct free_later *free_later = w->free_later;

		w->free_later = free_later->next;
		free(free_later->mem);
	}
}

uint64_t worker_new_id(struct worker *w)
{
	return w->next_id++ * OPTIONS_MAX_WORKERS + w->index;
}

enum dest_verdict worker_check_dest(const struct worker *w, uint8_t proto, const union saddr *dst,
				    bool named)
{
	const struct listener_set *set = w->relay->listeners;
	union saddr plain = saddr_unmap(dst);
	unsigned int allowed = 0;

	if (named || w->relay->options->allow_local)
		allowed |= DEST_ALLOW_LOCAL;
	/* A rule that names such addresses does not mean those that are mapped to IPv6. */
	if (dst->sa.sa_family == AF_INET && atomic_load(&w->relay->pinned.link_local))
		allowed |= DEST_ALLOW_LINK_LOCAL;
	return dest_check(&plain, local_lookup(&w->local, &plain),
			  proto == IPPROTO_TCP ? &set->tcp_ports : &set->udp_ports, allowed);
}

/* The event is gone, and nobody tells again: what is not known now is asked for later. */
static int read_addresses(struct worker *w)
{
	int err = local_update(&w->local);

	if (err)
		timer_set(&w->wheel, &w->local_retry, w->now + ADDRESSES_RETRY_MS);
	return err;
}

static void addresses_due(struct timer *timer)
{
	read_addresses(container_of(timer, struct worker, local_retry));
}

static void addresses_changed(struct io *io, uint32_t events)
{
	struct worker *w = container_of(io, struct worker, local_io);
	int err = read_addresses(w);

	(void)events;
	if (err)
		record_say(RECORD_WARN,
			   "local addresses: cannot be read: %s (the old ones stay, "
			   "trying again)",
			   strerror(-err));
}

static void drain_expired(struct timer *timer)
{
	struct worker *w = container_of(timer, struct worker, drain_timer);

	conn_end_all(w, END_DRAIN);
	udp_end_all(w->udp, END_DRAIN);
}

/* The relay that takes over holds the same sockets, and epoll would go on telling of them. */
static void leave_listeners(struct worker *w)
{
	for (int row = 0; row < LISTENER_ROWS; row++) {
		for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
			int fd = w->listeners->fds[row][cls];

			if (fd >= 0)
				epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
		}
	}
	listener_close(w->listeners);
}

static void stop_listening(struct worker *w)
{
	if (w->draining)
		return;
	w->draining = true;
	acceptors_drain(w->acceptors);
	udp_drain(w->udp);
	leave_listeners(w);
}

static void begin_drain(struct worker *w)
{
	stop_listening(w);
	if (!w->drain_timer.armed)
		timer_set(&w->wheel, &w->drain_timer,
			  w->now + w->relay->options->drain_timeout * 1000ULL);
}

/* Here no flow holds on to what the old settings say. */
static void take_settings(struct worker *w)
{
	struct settings *old = w->settings;

	pthread_mutex_lock(w->relay->settings_lock);
	w->settings = settings_ref(w->relay->settings);
	pthread_mutex_unlock(w->relay->settings_lock);
	settings_unref(old);
}

static void command_ready(struct io *io, uint32_t events)
{
	struct worker *w = container_of(io, struct worker, command);
	eventfd_t count;
	int order;

	(void)events;
	eventfd_read(io->fd, &count);
	order = atomic_load(&w->order);
	take_settings(w);
	udp_keep(w->udp, atomic_load(&w->relay->pinned.drains));
	if (order >= WORKER_RETIRE)
		stop_listening(w);
	if (order >= WORKER_DRAIN)
		begin_drain(w);
	if (order == WORKER_ABORT)
		drain_expired(&w->drain_timer);
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

static void *worker_thread(void *arg)
{
	struct worker *w = arg;
	struct epoll_event events[EVENTS_PER_TURN];

	pthread_mutex_lock(w->relay->gate);
	pthread_mutex_unlock(w->relay->gate);
	while (!w->draining || !TAILQ_EMPTY(&w->conns) || udp_sessions(w->udp)) {
		int timeout = TAILQ_EMPTY(&w->tasks) ? wheel_timeout(&w->wheel, monotonic_ms()) : 0;
		int n = epoll_wait(w->epoll, events, EVENTS_PER_TURN, timeout);

		w->now = w->tools.now = monotonic_ms();
		for (int i = 0; i < n; i++) {
			struct io *io = events[i].data.ptr;

			if (io->fd >= 0)
				io->ready(io, events[i].events);
		}
		run_tasks(w);
		wheel_run(&w->wheel, w->now);
		free_now(w);
		atomic_store_explicit(&w->beats, w->turn, memory_order_relaxed);
	}
	eventfd_write(w->relay->done, 1);
	return NULL;
}

static int watch_addresses(struct worker *w)
{
	int err = local_open(&w->local);

	if (err)
		return err;
	w->local_io = (struct io){ .fd = w->local.events, .ready = addresses_changed };
	return worker_watch(w, &w->local_io, EPOLLIN);
}

int worker_open(struct worker *w, unsigned int index, const struct relay *relay)
{
	int err;

	memset(w, 0, sizeof(*w));
	w->index = index;
	w->relay = relay;
	w->listeners = &relay->listeners->worker[index];
	w->now = monotonic_ms();
	w->next_id = 1;
	w->local = (struct local_set){ .events = -1, .dump = -1 };
	w->drain_timer.fire = drain_expired;
	w->local_retry.fire = addresses_due;
	take_settings(w);
	wheel_init(&w->wheel, w->now);
	TAILQ_INIT(&w->tasks);
	TAILQ_INIT(&w->conns);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->command =
		(struct io){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .ready = command_ready };
	if (w->epoll < 0 || w->command.fd < 0)
		return -errno;
	pipes_init(&w->tools.pipes, pipes_share(relay->nofile, relay->options->workers));
	w->tools.buf = malloc(PUMP_BUFFER_SIZE);
	if (!w->tools.buf)
		return -ENOMEM;
	err = worker_watch(w, &w->command, EPOLLIN);
	if (!err)
		err = watch_addresses(w);
	if (!err)
		err = egress_open(&w->egress, &relay->binding,
				  relay->options->source != SOURCE_OWN);
	if (!err)
		err = acceptors_open(w, &w->acceptors);
	if (!err)
		err = udp_open(w, &w->udp);
	return err;
}

int worker_start(struct worker *w)
{
	return -pthread_create(&w->thread, NULL, worker_thread, w);
}

void worker_order(struct worker *w, enum worker_order order)
{
	atomic_store(&w->order, order);
	eventfd_write(w->command.fd, 1);
}

void worker_close(struct worker *w)
{
	conn_end_all(w, END_DRAIN);
	udp_close(w->udp);
	acceptors_close(w->acceptors);
	listener_close(w->listeners);
	free_now(w);
	local_close(&w->local);
	egress_close(&w->egress);
	worker_close_io(&w->command);
	cleanup_fd(&w->epoll);
	settings_unref(w->settings);
	pipes_close(&w->tools.pipes);
	free(w->tools.buf);
}
