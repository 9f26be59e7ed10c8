/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/daemon.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lib/notify.h"
#include "lib/util.h"
#include "relay/config/load.h"
#include "relay/log/record.h"
#include "relay/reopen.h"
#include "relay/signals.h"

/* Wakes all threads, which look at their order and at the settings. */
static void poke_all(struct daemon *d)
{
	for (unsigned int i = 0; i < d->opened; i++)
		thread_order(&d->threads[i], d->order);
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
	d->relay.settings = settings_ref(settings);
	pthread_mutex_unlock(&d->settings_lock);
	settings_unref(old);
	poke_all(d);
}

/* A file may have any number of errors, and the log is read by people. */
#define RELOAD_ERRORS_MAX 20

static void report_error(const char *text, void *arg)
{
	unsigned int *errors = arg;

	if ((*errors)++ < RELOAD_ERRORS_MAX)
		record_say(RECORD_ERROR, "%s", text);
}

/* Reads everything again as the start did, and takes lists, limits and pools from it. */
static void reload(struct daemon *d)
{
	struct options *fresh = calloc(1, sizeof(*fresh));
	unsigned int errors = 0;
	struct options_source source = { .argc = d->argc,
					 .argv = d->argv,
					 .again = true,
					 .error = report_error,
					 .arg = &errors };

	if (fresh && options_load(fresh, &source) == OPTIONS_RUN) {
		publish(d, fresh->settings);
		record_choose(fresh->log_begin, fresh->settings->limits.source_prefix6);
		record_say(RECORD_INFO, "SIGHUP: lists and limits were read again");
	} else {
		if (!fresh)
			report_error("out of memory", &errors);
		if (errors > RELOAD_ERRORS_MAX)
			record_say(RECORD_ERROR, "%u more errors are not logged",
				   errors - RELOAD_ERRORS_MAX);
		record_say(RECORD_WARN, "SIGHUP: the old lists and limits stay");
	}
	if (fresh)
		options_free(fresh);
	free(fresh);
}

static bool is_draining(const struct daemon *d)
{
	return d->order == THREAD_DRAIN || d->order == THREAD_ABORT;
}

/* The registrar ends first: its copies of the listeners would keep the slots filled. */
static void drain(struct daemon *d)
{
	if (is_draining(d)) {
		record_say(RECORD_INFO, "second signal: resetting the flows that are left");
		order_all(d, THREAD_ABORT);
		return;
	}
	notify_systemd("STOPPING=1");
	record_say(RECORD_INFO, "draining for up to %u s", d->options.drain_timeout);
	handover_close(&d->handover);
	registrar_ask_unlink(&d->registrar);
	registrar_stop(&d->registrar);
	order_all(d, THREAD_DRAIN);
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
		break;
	case SIGUSR1:
		reopen_ask(&d->options, &d->registrar);
		break;
	default:
		drain(d);
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

static void answer_new_relay(struct daemon *d)
{
	struct inherited list;
	int err;

	inherited_list(&d->listeners, &list);
	err = handover_answer(&d->handover, &list);
	if (err == -EPERM)
		record_say(RECORD_WARN, "hand-over: refused: neither root nor our user asked");
	else if (err && err != -EAGAIN)
		record_say(RECORD_WARN, "hand-over: failed: %s", strerror(-err));
	else if (!err)
		record_say(RECORD_INFO, "hand-over: another relay asks for the listeners");
}

/* From now on the new relay takes all new flows; ours may take the time they need. */
static void retire(struct daemon *d)
{
	record_say(RECORD_INFO, "hand-over: done, the flows that are left end here");
	handover_close(&d->handover);
	flow_server_retire(&d->flows);
	registrar_stop(&d->registrar);
	order_all(d, THREAD_RETIRE);
}

static void handle_new_relay(struct daemon *d)
{
	int r = handover_verdict(&d->handover);

	if (r == 1)
		retire(d);
	if (r)
		return;
	/* It has neither taken a flow nor changed the socket map. */
	record_say(RECORD_WARN, "hand-over: the other relay is gone, continuing");
}

/* systemd gets its message only if each thread has made a turn, so it restarts us if one hangs. */
static void feed_watchdog(struct daemon *d)
{
	uint64_t now = monotonic_ms();
	bool alive = true;

	if (!d->watchdog_ms || now < d->watchdog_due)
		return;
	d->watchdog_due = now + d->watchdog_ms;
	for (unsigned int i = 0; i < d->opened; i++) {
		uint64_t beats = atomic_load(&d->threads[i].ctx.worker.beats);

		alive &= beats != d->beats[i] || d->order != THREAD_RUN;
		d->beats[i] = beats;
	}
	if (alive)
		notify_systemd("WATCHDOG=1");
	poke_all(d);
}

static int watchdog_wait(const struct daemon *d)
{
	uint64_t now = monotonic_ms();

	if (!d->watchdog_ms)
		return -1;
	return now < d->watchdog_due ? (int)(d->watchdog_due - now) : 0;
}

static int earlier(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* What the main thread waits for. */
enum awaited {
	ON_SIGNAL,
	ON_THREAD_END,
	ON_REGISTRAR,
	ON_DEAD_LISTENER,
	ON_NEW_RELAY,
	ON_HANDOVER,
	ON_FLOWS,
	ON_LOG_DUE,
	ON_MAX
};

static void wait_for(struct daemon *d, struct pollfd *fds)
{
	const int waited[ON_MAX] = {
		[ON_SIGNAL] = d->signals,
		[ON_THREAD_END] = d->relay.done,
		[ON_REGISTRAR] = d->registrar.fd,
		[ON_DEAD_LISTENER] = d->relay.trouble,
		[ON_NEW_RELAY] = d->handover.new_relay_fd,
		/* one relay at a time: the next one waits in the queue */
		[ON_HANDOVER] = d->handover.new_relay_fd < 0 ? d->handover.listen_fd : -1,
		[ON_FLOWS] = d->flows.poll_fd,
		[ON_LOG_DUE] = record_due_fd(),
	};

	for (int i = 0; i < ON_MAX; i++)
		fds[i] = (struct pollfd){ .fd = waited[i], .events = POLLIN };
	if (poll(fds, ON_MAX, earlier(watchdog_wait(d), mend_wait(&d->mend))) < 0)
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
	if (fds[ON_NEW_RELAY].revents && d->handover.new_relay_fd >= 0)
		handle_new_relay(d);
	if (fds[ON_HANDOVER].revents && d->handover.listen_fd >= 0)
		answer_new_relay(d);
	if (fds[ON_FLOWS].revents)
		flow_server_run(&d->flows);
	if (fds[ON_LOG_DUE].revents)
		record_report();
	if (fds[ON_THREAD_END].revents && !eventfd_read(d->relay.done, &count))
		d->running -= (unsigned int)count;
}

void daemon_run(struct daemon *d)
{
	struct pollfd fds[ON_MAX];

	while (d->running) {
		wait_for(d, fds);
		handle_events(d, fds);
		mend_check(&d->mend);
		end_if_hopeless(d);
		feed_watchdog(d);
	}
}
