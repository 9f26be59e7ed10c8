/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/thread.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "lib/util.h"
#include "relay/admit/lanes.h"
#include "relay/config/options.h"
#include "relay/log/record.h"
#include "relay/process/listener.h"
#include "relay/process/message.h"
#include "relay/tcp/engine.h"
#include "relay/udp/engine.h"

#define HOLD_CHECK_MS 1
#define CHECK_TIMEOUT_S 5 /* of an upstream, or connect-timeout if that is less */

/* ---- orders ------------------------------------------------------------- */

/* Here no flow uses what the old settings hold. */
static void take_settings(struct engine_context *ctx)
{
	const struct relay *relay = ctx->relay;
	struct settings *old = ctx->settings;

	pthread_mutex_lock(relay->settings_lock);
	ctx->settings = settings_ref(relay->settings);
	pthread_mutex_unlock(relay->settings_lock);
	settings_unref(old);
}

/* The count comes first: netwatch.h says why. False: they are the same as before. */
static bool take_addresses(struct relay_thread *t)
{
	struct engine_context *ctx = &t->ctx;
	struct netwatch *watch = ctx->relay->netwatch;
	const struct local_set *old = ctx->local;
	uint32_t changes = netwatch_changes(watch);

	if (old && changes == ctx->path_changes)
		return false;
	ctx->path_changes = changes;
	ctx->local = netwatch_local(watch);
	netwatch_release(old);
	return true;
}

/* The relay that takes over holds the same sockets, so epoll would keep reporting them. */
static void leave_listeners(struct engine_context *ctx)
{
	for (int row = 0; row < LISTENER_ROWS; row++) {
		for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
			int fd = ctx->listeners->fds[row][cls];

			if (fd >= 0)
				worker_unwatch(&ctx->worker, fd);
		}
	}
	listener_close(ctx->listeners);
}

static void stop_giving(struct relay_thread *t)
{
	timer_cancel(&t->ctx.worker.wheel, &t->give_timer);
	if (t->giving && t->gifts.fd >= 0)
		worker_unwatch(&t->ctx.worker, t->gifts.fd);
	t->giving = false;
}

/* Another relay that got all flows serves them, even if nobody could say so. */
static void leave_given(struct relay_thread *t)
{
	stop_giving(t);
	if (atomic_load(&t->paused))
		udp_export_done(t->udp);
	else
		udp_export_undo(t->udp);
}

static void stop_listening(struct relay_thread *t)
{
	if (t->ctx.draining)
		return;
	leave_given(t);
	t->ctx.draining = true;
	checker_close(&t->checker); /* no flow will choose any more */
	tcp_drain(t->tcp);
	udp_drain(t->udp);
	leave_listeners(&t->ctx);
}

static void begin_drain(struct relay_thread *t)
{
	struct engine_context *ctx = &t->ctx;

	stop_listening(t);
	if (ctx->drain_end)
		return;
	ctx->drain_end = ctx->worker.now + ctx->relay->options->drain_timeout * 1000ULL;
	timer_set(&ctx->worker.wheel, &t->drain_timer, ctx->drain_end);
}

static void end_flows(struct relay_thread *t)
{
	tcp_end_all(t->tcp, END_DRAIN);
	udp_end_all(t->udp, END_DRAIN);
}

static void drain_expired(struct timer *timer)
{
	end_flows(container_of(timer, struct relay_thread, drain_timer));
}

static void watch_listener(struct relay_thread *t, unsigned int row, enum tproxy_class cls)
{
	int err = class_is_tcp(cls) ? tcp_listen(t->tcp, row, cls) : udp_listen(t->udp, row, cls);

	if (err)
		exchange_report_dead(&t->exchange, &t->listeners, row, cls, -err);
}

static void take_listeners(struct relay_thread *t)
{
	for (unsigned int row = 0; row < LISTENER_ROWS; row++) {
		for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
			int fd = exchange_take(&t->exchange, row, cls);

			if (fd < 0)
				continue;
			t->listeners.fds[row][cls] = fd;
			watch_listener(t, row, cls);
		}
	}
}

/* ---- a relay that takes over -------------------------------------------- */

static int send_flows(void *arg, const void *msg, size_t len, const int *fds, unsigned int count)
{
	struct relay_thread *t = arg;
	const struct message_out out = {
		.type = MESSAGE_UDP_SESSION, .body = msg, .size = len, .fds = fds, .fd_count = count
	};

	return message_send(t->gifts.fd, &out);
}

/* Flows that cannot be sent stay here, as all flows of TCP do. */
static void end_giving(struct relay_thread *t, int err)
{
	if (err)
		record_say(RECORD_WARN, "hand-over: some UDP flows stay here: %s", strerror(-err));
	stop_giving(t);
	atomic_store(&t->next_id, t->ctx.worker.next_id);
	atomic_store(&t->paused, true);
	eventfd_write(t->ctx.relay->paused, 1);
}

static void give_flows(struct relay_thread *t)
{
	int err = udp_export(t->udp, &(struct udp_export){ send_flows, t });

	if (err != -EAGAIN)
		end_giving(t, err);
}

static void gifts_ready(struct io *io, uint32_t events)
{
	(void)events;
	give_flows(container_of(io, struct relay_thread, gifts));
}

/*
 * A flow that is given away does not count here any more. So no thread gives one while another one
 * still admits flows: the client could have one too many.
 */
static void begin_giving(struct timer *timer)
{
	struct relay_thread *t = container_of(timer, struct relay_thread, give_timer);
	const struct relay *relay = t->ctx.relay;
	int err;

	if (atomic_load(&relay->pausing->holding) < relay->options->workers) {
		timer_set(&t->ctx.worker.wheel, timer, t->ctx.worker.now + HOLD_CHECK_MS);
		return;
	}
	t->gifts = (struct io){ .fd = relay->new_relay_fd, .ready = gifts_ready };
	err = worker_watch(&t->ctx.worker, &t->gifts, EPOLLOUT);
	if (err)
		end_giving(t, err);
}

/* From now on a flow of this thread can begin only at the relay that takes over. */
static void pause_flows(struct relay_thread *t)
{
	if (t->giving || atomic_load(&t->paused))
		return;
	tcp_hold(t->tcp, true);
	udp_hold(t->udp, true);
	atomic_fetch_add(&t->ctx.relay->pausing->holding, 1);
	t->giving = true;
	t->gifts.fd = -1;
	begin_giving(&t->give_timer);
}

static void resume_flows(struct relay_thread *t)
{
	if (!t->giving && !atomic_load(&t->paused))
		return;
	stop_giving(t);
	atomic_fetch_sub(&t->ctx.relay->pausing->holding, 1);
	atomic_store(&t->paused, false);
	udp_export_undo(t->udp);
	tcp_hold(t->tcp, false);
	udp_hold(t->udp, false);
}

/* What was given to a relay that failed has to be given to the next one. */
static void pause_again(struct relay_thread *t)
{
	unsigned int attempt = atomic_load(&t->ctx.relay->pausing->attempt);

	if (attempt != t->attempt)
		resume_flows(t);
	t->attempt = attempt;
	pause_flows(t);
}

int thread_import(struct relay_thread *threads, unsigned int n, struct message *m)
{
	struct udp_engine *engines[OPTIONS_MAX_WORKERS];

	for (unsigned int i = 0; i < n; i++)
		engines[i] = threads[i].udp;
	return udp_import(engines, n, m->body, m->size, m->fds, m->fd_count);
}

static void obey(struct relay_thread *t, enum thread_order order)
{
	switch (order) {
	case THREAD_RUN:
		resume_flows(t);
		break;
	case THREAD_PAUSE:
		pause_again(t);
		break;
	case THREAD_RETIRE:
		stop_listening(t);
		break;
	case THREAD_DRAIN:
		begin_drain(t);
		break;
	case THREAD_ABORT:
		begin_drain(t);
		end_flows(t);
		break;
	}
}

static void command_ready(struct io *io, uint32_t events)
{
	struct relay_thread *t = container_of(io, struct relay_thread, command);
	eventfd_t count;

	(void)events;
	eventfd_read(io->fd, &count);
	take_settings(&t->ctx);
	if (take_addresses(t))
		tcp_addresses_changed(t->tcp);
	if (t->checker.worker && !t->ctx.draining)
		checker_use(&t->checker, &t->ctx.settings->egress);
	udp_keep(t->udp, atomic_load(&t->ctx.relay->pinned.detaching));
	if (!t->ctx.draining)
		take_listeners(t);
	obey(t, (enum thread_order)atomic_load(&t->order));
}

void thread_wake(struct relay_thread *t)
{
	eventfd_write(t->command.fd, 1);
}

void thread_order(struct relay_thread *t, enum thread_order order)
{
	atomic_store(&t->order, order);
	thread_wake(t);
}

/* ---- the thread --------------------------------------------------------- */

static void *thread_run(void *arg)
{
	struct relay_thread *t = arg;
	const struct relay *relay = t->ctx.relay;

	pthread_mutex_lock(relay->gate);
	pthread_mutex_unlock(relay->gate);
	while (!t->ctx.draining || tcp_busy(t->tcp) || udp_sessions(t->udp))
		worker_turn(&t->ctx.worker);
	flowport_stop(&t->flows);
	eventfd_write(relay->done, 1);
	return NULL;
}

static int open_engines(struct relay_thread *t)
{
	int err = device_chooser_open(&t->ctx.devices, &t->ctx.relay->binding);

	if (!err)
		err = tcp_open(&t->ctx, &t->tcp);
	if (!err)
		err = udp_open(&t->ctx, &t->udp);
	return err;
}

/* One thread is enough, since all see the result. */
static void start_checks(struct relay_thread *t)
{
	uint32_t seconds = t->ctx.relay->options->connect_timeout;

	t->checker = (struct checker){
		.worker = &t->ctx.worker,
		.devices = &t->ctx.devices,
		.timeout_ms = (seconds < CHECK_TIMEOUT_S ? seconds : CHECK_TIMEOUT_S) * 1000ULL
	};
	checker_use(&t->checker, &t->ctx.settings->egress);
}

int thread_open(struct relay_thread *t, unsigned int index, const struct relay *relay)
{
	int err;

	memset(t, 0, sizeof(*t));
	t->ctx.relay = relay;
	t->listeners = relay->listeners->worker[index];
	t->ctx.listeners = &t->listeners;
	t->exchange.wake = relay->trouble;
	t->ctx.exchange = &t->exchange;
	t->drain_timer.fire = drain_expired;
	t->give_timer.fire = begin_giving;
	flowtable_init(&t->ctx.flows);
	take_settings(&t->ctx);
	take_addresses(t);
	err = worker_open(&t->ctx.worker, OPTIONS_MAX_WORKERS + index, OPTIONS_MAX_WORKERS);
	t->command =
		(struct io){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .ready = command_ready };
	if (!err && t->command.fd < 0)
		err = -errno;
	if (!err)
		err = worker_watch(&t->ctx.worker, &t->command, EPOLLIN);
	if (!err)
		err = flowport_open(&t->flows, &t->ctx.worker, &t->ctx.flows);
	t->ctx.lanes = lanes_new(relay->clients);
	if (!err && !t->ctx.lanes)
		err = -ENOMEM;
	if (!err)
		err = open_engines(t);
	if (!err && !index)
		start_checks(t);
	return err;
}

/* Ids of thread i are i modulo OPTIONS_MAX_WORKERS, and none is 0. */
void thread_set_ids(struct relay_thread *t, unsigned int index, uint64_t first_id)
{
	uint64_t round = (first_id + OPTIONS_MAX_WORKERS - 1) / OPTIONS_MAX_WORKERS;

	t->ctx.worker.next_id = (round ? round : 1) * OPTIONS_MAX_WORKERS + index;
}

int thread_start(struct relay_thread *t)
{
	return -pthread_create(&t->id, NULL, thread_run, t);
}

void thread_close(struct relay_thread *t)
{
	checker_close(&t->checker);
	udp_close(t->udp);
	tcp_close(t->tcp);
	lanes_free(t->ctx.lanes);
	listener_close(&t->listeners);
	exchange_close(&t->exchange);
	flowport_close(&t->flows);
	flowtable_free(&t->ctx.flows);
	device_chooser_close(&t->ctx.devices);
	netwatch_release(t->ctx.local);
	worker_close_io(&t->command);
	worker_close(&t->ctx.worker);
	settings_unref(t->ctx.settings);
}
