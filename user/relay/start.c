/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/start.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lib/log.h"
#include "lib/notify.h"
#include "relay/admit/clients.h"
#include "relay/describe.h"
#include "relay/log/looplog.h"
#include "relay/log/record.h"
#include "relay/log/sink.h"
#include "relay/process/background.h"
#include "relay/process/conflict.h"
#include "relay/process/pathsockets.h"
#include "relay/process/privs.h"
#include "relay/process/seccomp.h"
#include "relay/signals.h"
#include "relay/startlog.h"

/* Otherwise a socket of ours could become standard output. */
static void fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static unsigned int default_workers(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1)
		return 1;
	return cpus > OPTIONS_MAX_WORKERS ? OPTIONS_MAX_WORKERS : (unsigned int)cpus;
}

/* Logs why the start failed, unless err is 0. Returns err. */
static int complain(int err, const char *why)
{
	if (err)
		log_error("%s", why);
	return err;
}

/* Finds the device of --device. */
static int find_device(struct daemon *d)
{
	const struct options *o = &d->options;
	struct binding *b = &d->relay.binding;
	char why[DAEMON_WHY_LEN];
	int err = binding_find(o->device, b, why, sizeof(why));

	if (!err && b->vrf)
		err = options_check_vrf(o, why, sizeof(why));
	return complain(err, why);
}

/* ---- what a relay that runs already gives ------------------------------- */

/* By path sockets the next relay and the list of flows find us. */
static void offer_sockets(struct daemon *d)
{
	struct handover *h = &d->handover;

	d->flows_fd = path_sockets_open(&d->names, &d->takeover, h);
	h->listeners = &d->listeners;
	h->flows_fd = d->flows_fd;
	h->retire_ms = d->options.retire_timeout * 1000ULL;
}

/* Those of systemd or of the relay that runs already; what is missing then is opened. */
static int get_listeners(struct daemon *d)
{
	struct takeover *t = &d->takeover;
	char why[DAEMON_WHY_LEN] = "systemd: its sockets cannot be taken (check the socket unit)";
	struct inherited from_systemd = { 0 };
	int err = inherited_from_systemd(&from_systemd);

	takeover_init(t);
	if (!err && !from_systemd.count && *d->names.handover)
		err = takeover_ask(d->names.handover, t, why, sizeof(why));
	listener_set_init(&d->listeners, &d->options, d->relay.binding.in);
	if (!err)
		err = inherited_place(from_systemd.count ? &from_systemd : &t->listeners,
				      &d->listeners, &d->options, why, sizeof(why));
	if (from_systemd.destroyed + t->listeners.destroyed)
		record_say(RECORD_WARN,
			   "%u listeners that we were given were destroyed by another program, as "
			   "ss -K does: opening new ones",
			   from_systemd.destroyed + t->listeners.destroyed);
	if (!err)
		err = listener_open_missing(&d->listeners, &d->options, why, sizeof(why));
	return complain(err, why);
}

/* A relay that takes over from another one has its slots. */
static int refuse_conflict(const struct daemon *d)
{
	char why[DAEMON_WHY_LEN];

	if (d->takeover.old_relay_fd >= 0 || d->options.join || d->listeners.device)
		return 0;
	return complain(conflict_check(d->options.pin_dir, &d->listeners, why, sizeof(why)), why);
}

static int start_registrar(struct daemon *d)
{
	const struct registrar_sockets sockets = {
		.names = &d->names,
		.fds = { d->handover.callers.listen_fd, d->flows_fd, d->takeover.old_relay_fd }
	};
	int err = registrar_start(&d->options, &d->listeners, &sockets, &d->registrar);

	if (err)
		log_error("registrar: cannot be started: %s (check the limit of processes)",
			  strerror(-err));
	return err;
}

/* What needs the privileges that we were started with. 0, or -errno after logging why. */
static int start_privileged(struct daemon *d)
{
	struct options *o = &d->options;
	int err = o->netns[0] ? privs_enter_netns(o->netns) : 0;

	if (err) {
		log_error("--netns %s: cannot be entered: %s (see: ip netns list)", o->netns,
			  strerror(-err));
		return err;
	}
	if (o->device[0] && find_device(d))
		return -EINVAL;
	/* Rules name the port, and only one worker has it. */
	if (!o->workers)
		o->workers = o->device[0] ? 1 : default_workers();
	budget_init(&d->budget, privs_raise_nofile(), o->workers,
		    o->udp_full_cone ? 1 : o->workers);
	err = record_open(o->log_file[0] ? o->log_file : NULL, o->log_format, o->log_level);
	if (err) {
		log_error("log%s%s: cannot be opened: %s (check --log-file, and the limits of open "
			  "files and memory)",
			  o->log_file[0] ? " file " : "", o->log_file, strerror(-err));
		return err;
	}
	record_choose(o->log_begin, o->settings->limits.source_prefix6);
	path_sockets_name(o, &d->names);
	err = get_listeners(d);
	if (!err)
		err = refuse_conflict(d);
	if (err)
		return err;
	offer_sockets(d);
	return start_registrar(d);
}

/* In the thread of netwatch. */
static void network_changed(void *arg, int err)
{
	struct daemon *d = arg;

	if (err)
		record_say(RECORD_WARN,
			   "local addresses: cannot be read: %s (the old ones stay, trying again)",
			   strerror(-err));
	for (unsigned int i = 0; i < d->opened && !err; i++)
		thread_wake(&d->threads[i]);
}

static int open_threads(struct daemon *d)
{
	int err = netwatch_open(&d->relay.netwatch);

	for (unsigned int i = 0; i < d->options.workers && !err; i++) {
		d->opened++;
		err = thread_open(&d->threads[i], i, &d->relay);
		d->ports[i] = &d->threads[i].flows;
	}
	return err;
}

/* The threads have opened what they need, and no flow. */
static void share_descriptors(struct daemon *d)
{
	struct budget *b = &d->budget;

	budget_open(b, budget_used_now());
	clients_set_default(d->relay.clients, b->flows_of_client);
	record_say(RECORD_DEBUG,
		   "descriptors: %lu, %u of them for flows; max-flows-per-source is %u unless set",
		   b->nofile, b->usable, b->flows_of_client);
}

static int start_threads(struct daemon *d)
{
	int err;

	d->relay.done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->relay.paused = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->relay.trouble = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->relay.clients = clients_new(d->budget.nofile);
	d->relay.loops = looplog_new();
	d->relay.paths = &d->paths;
	pthread_mutex_lock(&d->gate);
	if (d->relay.done < 0 || d->relay.paused < 0 || d->relay.trouble < 0 || !d->relay.clients ||
	    !d->relay.loops)
		return -errno;
	err = open_threads(d);
	if (!err)
		startlog_absent_sources(d);
	if (!err)
		share_descriptors(d);
	if (!err)
		err = flow_server_open(&d->flows, take_fd(&d->flows_fd), d->ports, d->opened);
	d->began = monotonic_ms();
	d->flows.teller = (struct flow_teller){ .describe = describe_relay, .arg = d };
	if (!err)
		err = sink_start();
	if (!err)
		err = netwatch_start(d->relay.netwatch, network_changed, d);
	for (unsigned int i = 0; i < d->options.workers && !err; i++) {
		err = thread_start(&d->threads[i]);
		if (!err)
			d->running++;
	}
	return err;
}

/* The service manager tells only the first process of a service about the watchdog. */
static void start_watchdog(struct daemon *d)
{
	struct watchdog *w = &d->watchdog;

	if (!w->period_ms)
		w->period_ms = d->takeover.watchdog_ms;
	d->handover.watchdog_ms = (uint32_t)w->period_ms;
}

static int start_unprivileged(struct daemon *d)
{
	char why[DAEMON_WHY_LEN];
	int err;

	startlog_nobody(&d->options);
	err = privs_drop(d->options.user, why, sizeof(why));
	if (err)
		return complain(err, why);
	startlog_config_access(&d->options);
	err = start_threads(d);
	if (err) {
		log_error("workers: cannot be started: %s (check the limits of memory, files and "
			  "processes)",
			  strerror(-err));
		return err;
	}
	err = d->options.no_seccomp ? 0 : seccomp_enter();
	if (err)
		log_error("seccomp: the filter cannot be loaded: %s (try --no-seccomp)",
			  strerror(-err));
	return err;
}

/* What the threads of the old relay give away. */
static void take_gift(struct message *m, void *arg)
{
	struct daemon *d = arg;
	int err = m->type == MESSAGE_UDP_SESSION ? thread_import(d->threads, d->opened, m) : 0;

	if (err)
		record_say(RECORD_WARN, "hand-over: UDP flows cannot be taken: %s", strerror(-err));
}

/* Until here the old relay serves. If we fail before, it continues. */
static int take_over(struct daemon *d)
{
	char why[DAEMON_WHY_LEN];
	bool takes_over = d->takeover.old_relay_fd >= 0;
	int err;

	d->handover.segment_fd = clients_segment(d->relay.clients);
	err = takeover_finish(&d->takeover, take_gift, d, why, sizeof(why));

	if (err || !takes_over)
		return complain(err, why);
	record_say(RECORD_INFO, "hand-over: taking the listeners over");
	err = handover_adopt(&d->handover, &d->takeover.retired);
	if (err)
		record_say(RECORD_WARN, "hand-over: the old relay cannot be controlled: %s",
			   strerror(-err));
	counts_adopt(&d->counts, d->relay.clients, &d->handover.retired);
	for (unsigned int i = 0; i < d->opened; i++)
		thread_set_ids(&d->threads[i], i, d->takeover.next_id);
	d->handover.next_id = d->takeover.next_id;
	return 0;
}

/* In the background the command that was started reports: the service manager knows that one. */
static void say_ready(const struct daemon *d)
{
	if (!background_is_entered())
		notify_ready_for(getpid());
	background_ready(!*d->options.log_file);
}

int start_relay(struct daemon *d)
{
	int err;

	fill_standard_fds();
	d->signals = signals_open();
	if (d->signals < 0)
		return complain(d->signals, "signals: no descriptor for them (check the limit of "
					    "open files)");
	err = start_privileged(d);
	if (!err)
		err = start_unprivileged(d);
	if (!err)
		err = take_over(d);
	if (err)
		return err;
	pthread_mutex_unlock(&d->gate);
	startlog_started(d);
	if (d->registrar.fd >= 0)
		registrar_go(&d->registrar);
	start_watchdog(d);
	say_ready(d);
	return 0;
}
