/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tproxy-relay: start-up in the order that privileges demand, signals, and the
 * end. Owns the processes and threads; must not touch flows.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "lib/log.h"
#include "lib/notify.h"
#include "relay/listener.h"
#include "relay/options.h"
#include "relay/privs.h"
#include "relay/record.h"
#include "relay/registrar.h"
#include "relay/sink.h"
#include "relay/worker.h"

#define LOG_FLUSH_MS 1000
#define WHY_LEN 768

struct daemon {
	struct options options;
	struct listener_set listeners;
	struct registrar registrar;
	struct relay relay;
	struct worker workers[OPTIONS_MAX_WORKERS];
	unsigned int opened; /* workers */
	unsigned int running;
	int signals;
	bool draining;
};

/* Lest a socket of ours become somebody's standard output. */
static void fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Threads and the registrar inherit the mask: signals are for this loop alone. */
static int take_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static unsigned int default_workers(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1)
		return 1;
	return cpus > OPTIONS_MAX_WORKERS ? OPTIONS_MAX_WORKERS : (unsigned int)cpus;
}

/* What needs the user's privileges. 0 or -errno, after saying why. */
static int start_privileged(struct daemon *d)
{
	struct options *o = &d->options;
	char why[WHY_LEN];
	int err = o->netns[0] ? privs_enter_netns(o->netns) : 0;

	if (err) {
		log_error("--netns %s: cannot be entered: %s (see: ip netns list)", o->netns,
			  strerror(-err));
		return err;
	}
	if (!o->workers)
		o->workers = default_workers();
	d->relay.nofile = privs_raise_nofile();
	err = record_open(o->log_file[0] ? o->log_file : NULL, o->log_format, o->log_level);
	if (err) {
		log_error("log file %s: cannot be opened: %s (check --log-file)", o->log_file,
			  strerror(-err));
		return err;
	}
	err = listener_open_all(&d->listeners, o, why, sizeof(why));
	if (err) {
		log_error("%s", why);
		return err;
	}
	err = registrar_start(o->pin_dir, &d->listeners, &d->registrar);
	if (err)
		log_error("registrar: cannot be started: %s (check the limit of processes)",
			  strerror(-err));
	return err;
}

static int start_workers(struct daemon *d)
{
	int err;

	d->relay.done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->relay.done < 0)
		return -errno;
	for (unsigned int i = 0; i < d->options.workers; i++) {
		d->opened++;
		err = worker_open(&d->workers[i], i, &d->relay);
		if (err)
			return err;
	}
	err = sink_start();
	for (unsigned int i = 0; i < d->options.workers && !err; i++) {
		err = worker_start(&d->workers[i]);
		if (!err)
			d->running++;
	}
	return err;
}

static void say_started(const struct daemon *d)
{
	char ports[OPTIONS_MAX_PORTS * 6 + 1];
	size_t len = 0;

	for (unsigned int i = 0; i < d->options.listen_count; i++)
		len += (size_t)snprintf(ports + len, sizeof(ports) - len, "%s%u", i ? "," : "",
					d->options.listen[i]);
	record_say(RECORD_INFO, "tproxy-relay %s: listening on %s, %u worker%s, source %s",
		   TPROXY_VERSION, ports, d->options.workers, d->options.workers == 1 ? "" : "s",
		   source_names[d->options.source]);
	if (!d->listeners.have_v6)
		record_say(RECORD_WARN, "no IPv6 here: listening on IPv4 only");
}

static int start(struct daemon *d)
{
	char why[WHY_LEN];
	int err;

	fill_standard_fds();
	d->signals = take_signals();
	err = start_privileged(d);
	if (err)
		return err;
	err = privs_drop(d->options.user, why, sizeof(why));
	if (err) {
		log_error("%s", why);
		return err;
	}
	err = start_workers(d);
	if (err) {
		log_error("workers: cannot be started: %s (check the limits of memory, files and "
			  "processes)",
			  strerror(-err));
		return err;
	}
	say_started(d);
	registrar_go(&d->registrar);
	notify_systemd("READY=1");
	return 0;
}

static void order_all(struct daemon *d, enum worker_order order)
{
	for (unsigned int i = 0; i < d->opened; i++)
		worker_order(&d->workers[i], order);
}

/* First the registrar, whose copies of the listeners would keep the slots filled. */
static void handle_signal(struct daemon *d)
{
	struct signalfd_siginfo info;

	if (read(d->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		record_say(RECORD_INFO, "SIGHUP: there are no limits or lists to read again");
		return;
	}
	if (d->draining) {
		record_say(RECORD_INFO, "second signal: resetting what is left");
		order_all(d, WORKER_ABORT);
		return;
	}
	d->draining = true;
	notify_systemd("STOPPING=1");
	record_say(RECORD_INFO, "draining for up to %u s", d->options.drain_timeout);
	registrar_stop(&d->registrar);
	order_all(d, WORKER_DRAIN);
}

static void handle_registrar(struct daemon *d)
{
	struct registrar_report report;
	int r = registrar_read(&d->registrar, &report);

	if (r > 0)
		record_say(report.level, "%s", report.text);
	if (r)
		return;
	record_say(RECORD_ERROR, "registrar: ended unexpectedly (restart the relay to have "
				 "listeners registered again)");
	registrar_stop(&d->registrar);
}

static void run(struct daemon *d)
{
	while (d->running) {
		struct pollfd fds[] = { { .fd = d->signals, .events = POLLIN },
					{ .fd = d->relay.done, .events = POLLIN },
					{ .fd = d->registrar.fd, .events = POLLIN } };
		eventfd_t ended = 0;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[0].revents)
			handle_signal(d);
		if (fds[2].revents && d->registrar.fd >= 0)
			handle_registrar(d);
		if (fds[1].revents && !eventfd_read(d->relay.done, &ended))
			d->running -= (unsigned int)ended;
	}
}

static void say_summary(const struct daemon *d)
{
	struct worker_stats sum = { 0 };

	for (unsigned int i = 0; i < d->opened; i++) {
		const struct worker_stats *s = &d->workers[i].stats;

		sum.tcp_flows += s->tcp_flows;
		sum.udp_flows += s->udp_flows;
		sum.refused += s->refused;
		sum.limited += s->limited;
		sum.port_fallbacks += s->port_fallbacks;
		sum.lost_datagrams += s->lost_datagrams;
	}
	record_say(RECORD_INFO,
		   "ended: %llu TCP and %llu UDP flows, %llu refused, %llu over a limit, "
		   "%llu without their client's port, %llu datagrams lost",
		   (unsigned long long)sum.tcp_flows, (unsigned long long)sum.udp_flows,
		   (unsigned long long)sum.refused, (unsigned long long)sum.limited,
		   (unsigned long long)sum.port_fallbacks,
		   (unsigned long long)sum.lost_datagrams);
}

static void finish(struct daemon *d)
{
	for (unsigned int i = 0; i < d->opened; i++)
		pthread_join(d->workers[i].thread, NULL);
	say_summary(d);
	for (unsigned int i = 0; i < d->opened; i++)
		worker_close(&d->workers[i]);
	registrar_stop(&d->registrar);
	sink_stop(LOG_FLUSH_MS);
	cleanup_fd(&d->relay.done);
	cleanup_fd(&d->signals);
}

int main(int argc, char **argv)
{
	static struct daemon d = { .registrar = { .fd = -1 }, .signals = -1 };
	char why[WHY_LEN];

	log_init("tproxy-relay", LOG_NORMAL);
	d.relay = (struct relay){ .options = &d.options, .listeners = &d.listeners, .done = -1 };
	switch (options_parse(&d.options, argc, argv, why, sizeof(why))) {
	case OPTIONS_RUN:
		break;
	case OPTIONS_HELP:
		fputs(options_help, stdout);
		return 0;
	case OPTIONS_VERSION:
		puts("tproxy-relay " TPROXY_VERSION);
		return 0;
	case OPTIONS_USAGE:
		log_error("%s", why);
		return 2;
	case OPTIONS_FAILED:
		log_error("%s", why);
		return 1;
	}
	/* A failed start leaves the cleaning up to the end of the process. */
	if (start(&d))
		return 1;
	run(&d);
	finish(&d);
	return 0;
}
