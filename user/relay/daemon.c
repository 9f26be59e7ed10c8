/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lib/notify.h"
#include "lib/util.h"
#include "relay/log/record.h"
#include "relay/reload.h"
#include "relay/reopen.h"
#include "relay/signals.h"
#include "relay/threads.h"
#include "relay/upstream/health.h"

#define RETIRED_END_MS 2000 /* after their flows, retired relays end */

/* Wakes all threads, which look at their order and at the settings. */
static void poke_all(struct daemon *d)
{
	threads_order(d->threads, d->opened, d->order);
}

static void order_all(struct daemon *d, enum thread_order order)
{
	d->order = order;
	poke_all(d);
}

/* Each thread takes them when it is woken; the last one frees the old settings. */
static void publish(struct daemon *d, struct settings *settings)
{
	struct settings *old;

	pthread_mutex_lock(&d->settings_lock);
	old = d->relay.settings;
	health_inherit(&settings->egress, &old->egress);
	d->relay.settings = settings_ref(settings);
	pthread_mutex_unlock(&d->settings_lock);
	settings_unref(old);
	poke_all(d);
}

/* Takes lists, limits and pools again from where the start read them. */
static void reload(struct daemon *d)
{
	struct options *fresh = reload_read(d->argc, d->argv, d->relay.binding.vrf);

	if (fresh) {
		publish(d, fresh->settings);
		record_choose(fresh->log_begin, fresh->settings->limits.source_prefix6);
		registrar_want_begins(&d->registrar, record_has_begins());
		record_say(RECORD_INFO, "SIGHUP: lists and limits were read again");
	} else {
		record_say(RECORD_WARN, "SIGHUP: the old lists and limits stay");
	}
	reload_free(fresh);
}

static bool is_draining(const struct daemon *d)
{
	return d->order == THREAD_DRAIN || d->order == THREAD_ABORT;
}

static void reset(struct daemon *d)
{
	if (d->order == THREAD_ABORT)
		return;
	handover_tell(&d->handover, MESSAGE_RESET);
	order_all(d, THREAD_ABORT);
}

/*
 * The registrar ends first: its copies of the listeners would keep the slots filled. A retired relay
 * is not the process that the service manager knows.
 */
static void drain(struct daemon *d)
{
	if (is_draining(d))
		return;
	if (!handover_is_retired(&d->handover))
		notify_systemd("STOPPING=1");
	record_say(RECORD_INFO, "draining for up to %u s", d->options.drain_timeout);
	handover_stop(&d->handover);
	flow_server_retire(&d->flows);
	handover_tell(&d->handover, MESSAGE_DRAIN);
	registrar_stop(&d->registrar);
	order_all(d, THREAD_DRAIN);
	/* Those of retired relays, too; one that hangs does not keep us. */
	d->drain_end = monotonic_ms() + d->options.drain_timeout * 1000ULL + RETIRED_END_MS;
}

static void end_or_drain(struct daemon *d)
{
	if (!is_draining(d)) {
		drain(d);
		return;
	}
	record_say(RECORD_INFO, "second signal: resetting the flows that are left");
	reset(d);
	d->drain_end = monotonic_ms() + RETIRED_END_MS;
}

/* The service manager starts us again, with all privileges. */
static void end_if_hopeless(struct daemon *d)
{
	if (!d->mend.hopeless || d->order != THREAD_RUN)
		return;
	record_say(RECORD_ERROR, "%s: ending, so that the service manager starts the relay again",
		   d->mend.hopeless);
	d->status = 1;
	drain(d);
}

static void handle_signal(struct daemon *d)
{
	switch (signals_read(d->signals)) {
	case 0:
		break;
	case SIGHUP:
		reload(d);
		reopen_ask(&d->options, &d->registrar);
		handover_tell(&d->handover, MESSAGE_RELOAD);
		break;
	case SIGUSR1:
		reopen_ask(&d->options, &d->registrar);
		handover_tell(&d->handover, MESSAGE_LOG);
		break;
	default:
		end_or_drain(d);
	}
}

static void take_config(struct daemon *d, const struct registrar_config *config)
{
	struct pinned *pinned = &d->relay.pinned;

	atomic_store(&pinned->marks, kept_marks_of(config->mark, config->df_mark));
	atomic_store(&pinned->link_local, config->link_local);
	atomic_store(&pinned->detaching, config->detaching);
	record_say(RECORD_DEBUG, "pinned configuration: mark 0x%x, df-mark 0x%x, link-local %s%s",
		   config->mark, config->df_mark, config->link_local ? "by rule" : "refused",
		   config->detaching ? ", an interface is being detached" : "");
	poke_all(d);
}

static void take_report(struct daemon *d, struct registrar_report *report)
{
	switch (report->kind) {
	case REGISTRAR_TEXT:
		record_say(report->level, "%s", report->text);
		break;
	case REGISTRAR_CONFIG:
		take_config(d, &report->config);
		break;
	case REGISTRAR_LOG:
		reopen_take(&d->options, report);
		break;
	case REGISTRAR_AUDITED: /* see registrar_read */
		break;
	case REGISTRAR_LISTENER:
		mend_answer(&d->mend, report);
		break;
	}
}

static void handle_registrar(struct daemon *d)
{
	struct registrar_report report;
	int r = registrar_read(&d->registrar, &report);

	if (r > 0)
		take_report(d, &report);
	if (r)
		return;
	record_say(RECORD_ERROR, "registrar: ended unexpectedly (restart the relay to "
				 "register its listeners again)");
	registrar_stop(&d->registrar);
	mend_without_helper(&d->mend);
}

/* ---- hand-over ---------------------------------------------------------- */

/* A thread that has not paused yet may still use it, see begin_pause. */
static void close_gifts(struct daemon *d)
{
	cleanup_fd(&d->relay.new_relay_fd);
	d->relay.new_relay_fd = -1;
}

/* A copy, so that its number cannot become that of a flow while a thread sends there. */
static void begin_pause(struct daemon *d)
{
	close_gifts(d);
	atomic_fetch_add(&d->pausing.attempt, 1);
	d->relay.new_relay_fd = fcntl(d->handover.new_relay_fd, F_DUPFD_CLOEXEC, 0);
	order_all(d, THREAD_PAUSE);
}

static void resume(struct daemon *d)
{
	if (threads_have_paused(d->threads, d->opened))
		close_gifts(d);
	order_all(d, THREAD_RUN);
}

static void handle_paused(struct daemon *d)
{
	eventfd_t count;

	eventfd_read(d->relay.paused, &count);
	if (d->handover.stage != STAGE_PAUSING || !threads_have_paused(d->threads, d->opened))
		return;
	if (!handover_paused(&d->handover, threads_next_id(d->threads, d->opened)))
		resume(d);
}

/*
 * From now on the new relay takes all new flows; ours may take the time they need. The service
 * manager watches the new one.
 */
static void retire(struct daemon *d)
{
	record_say(RECORD_INFO, "hand-over: done, the flows that are left end here within %u s",
		   d->options.retire_timeout);
	close_gifts(d);
	handover_retire(&d->handover);
	notify_successor(handover_successor(&d->handover));
	flow_server_retire(&d->flows);
	registrar_retire(&d->registrar, d->options.log_file[0]);
	d->watchdog.period_ms = 0;
	order_all(d, THREAD_RETIRE);
}

static void expire(struct daemon *d)
{
	record_say(RECORD_INFO, "retire-timeout: resetting the flows that are left");
	reset(d);
}

/* What the relay that serves asks a retired one to do for it. */
static void take_message(struct daemon *d)
{
	struct message *m = &d->handover.message;

	switch (m->type) {
	case MESSAGE_FLOWS:
		if (m->fd_count && m->size == sizeof(struct flows_request))
			flow_server_adopt(&d->flows, take_fd(&m->fds[0]),
					  (const struct flows_request *)m->body);
		break;
	case MESSAGE_LOG:
		reopen_ask(&d->options, &d->registrar);
		break;
	}
	message_close(m);
}

static void handle_handover(struct daemon *d)
{
	d->handover.next_id = threads_latest_id(d->threads, d->opened);
	switch (handover_step(&d->handover)) {
	case HANDOVER_NOTHING:
		break;
	case HANDOVER_PAUSE:
		begin_pause(d);
		break;
	case HANDOVER_RESUME:
		resume(d);
		break;
	case HANDOVER_RETIRE:
		retire(d);
		break;
	case HANDOVER_EXPIRED:
		expire(d);
		break;
	case HANDOVER_RELOAD:
		reload(d);
		reopen_ask(&d->options, &d->registrar);
		break;
	case HANDOVER_DRAIN:
		drain(d);
		break;
	case HANDOVER_RESET:
		drain(d);
		reset(d);
		break;
	case HANDOVER_MESSAGE:
		take_message(d);
		break;
	case HANDOVER_GONE:
		counts_forget(&d->counts, d->relay.clients, d->handover.gone.pid);
		cleanup_fd(&d->handover.gone.segment_fd);
		break;
	}
}

/* ---- the loop ----------------------------------------------------------- */

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* After our flows have ended: milliseconds for which we wait for retired relays, 0: not at all. */
static int retired_wait(const struct daemon *d)
{
	uint64_t now = monotonic_ms();

	if (!d->handover.retired.count || now >= d->drain_end)
		return 0;
	return (int)(d->drain_end - now);
}

static int time_to_wait(const struct daemon *d)
{
	int wait = sooner(watchdog_wait(&d->watchdog), handover_wait(&d->handover));

	wait = sooner(wait, mend_wait(&d->mend));
	return d->running ? wait : sooner(wait, retired_wait(d));
}

enum awaited {
	ON_SIGNAL,
	ON_THREAD_END,
	ON_REGISTRAR,
	ON_DEAD_LISTENER,
	ON_PAUSED,
	ON_HANDOVER,
	ON_FLOWS,
	ON_LOG_DUE,
	ON_MAX
};

static void wait_for(struct daemon *d, struct pollfd *fds)
{
	const int waited[ON_MAX] = {
		[ON_SIGNAL] = d->signals,         [ON_THREAD_END] = d->relay.done,
		[ON_REGISTRAR] = d->registrar.fd, [ON_DEAD_LISTENER] = d->relay.trouble,
		[ON_PAUSED] = d->relay.paused,    [ON_HANDOVER] = d->handover.epoll,
		[ON_FLOWS] = d->flows.poll_fd,    [ON_LOG_DUE] = record_due_fd(),
	};

	for (int i = 0; i < ON_MAX; i++)
		fds[i] = (struct pollfd){ .fd = waited[i], .events = POLLIN };
	if (poll(fds, ON_MAX, time_to_wait(d)) < 0)
		memset(fds, 0, ON_MAX * sizeof(*fds));
}

static void handle_events(struct daemon *d, const struct pollfd *fds)
{
	eventfd_t count;

	if (fds[ON_SIGNAL].revents)
		handle_signal(d);
	if (fds[ON_REGISTRAR].revents && d->registrar.fd >= 0)
		handle_registrar(d);
	if (fds[ON_DEAD_LISTENER].revents && !eventfd_read(d->relay.trouble, &count))
		mend_listeners(&d->mend);
	if (fds[ON_PAUSED].revents)
		handle_paused(d);
	handle_handover(d);
	if (fds[ON_FLOWS].revents)
		flow_server_run(&d->flows);
	if (fds[ON_LOG_DUE].revents)
		record_report();
	if (fds[ON_THREAD_END].revents && !eventfd_read(d->relay.done, &count))
		d->running -= (unsigned int)count;
}

/* Retired relays have flows that belong to a list. */
static unsigned int pass_flows_on(void *arg, int fd, const struct flows_request *request)
{
	const struct daemon *d = arg;

	return handover_pass(&d->handover, &(struct message_out){ .type = MESSAGE_FLOWS,
								  .body = request,
								  .size = sizeof(*request),
								  .fds = &fd,
								  .fd_count = 1 });
}

void daemon_run(struct daemon *d)
{
	struct pollfd fds[ON_MAX];

	d->flows.others = (struct flow_others){ .pass_on = pass_flows_on, .arg = d };
	/* The process that the service manager knows is the last one to end. */
	while (d->running || retired_wait(d)) {
		wait_for(d, fds);
		handle_events(d, fds);
		mend_check(&d->mend);
		end_if_hopeless(d);
		if (watchdog_feed(&d->watchdog, d->threads, d->opened))
			poke_all(d);
	}
}
