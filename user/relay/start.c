/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/start.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lib/flows/relays.h"
#include "lib/log.h"
#include "lib/notify.h"
#include "lib/rundir.h"
#include "relay/admit/clients.h"
#include "relay/log/looplog.h"
#include "relay/log/record.h"
#include "relay/log/sink.h"
#include "relay/process/conflict.h"
#include "relay/process/privs.h"
#include "relay/process/seccomp.h"
#include "relay/signals.h"

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

	if (!err && b->vrf && o->udp_full_cone && source_is_client(&o->source)) {
		snprintf(
			why, sizeof(why),
			"--device %s: in a VRF, udp-full-cone goes with source = own only (a client's "
			"address has to be bound to the device of one destination)",
			o->device);
		err = -EINVAL;
	}
	return complain(err, why);
}

/* The relay works without it, so a failure is only a warning. */
static void offer_handover(struct daemon *d, const char *name, int listen_fd)
{
	int err = handover_open(&d->handover, name, listen_fd);

	if (err)
		record_say(RECORD_WARN,
			   "hand-over: %s: the next start cannot take over from this "
			   "one (another process has the name @tproxy-relay/%s)",
			   strerror(-err), name);
}

/* The relay works without it, so a failure is only a warning. */
static void offer_flows(struct daemon *d, const char *name, bool takes_over)
{
	int err = flows_socket_name(name, d->flows_name);

	if (!err)
		d->flows_fd = rundir_listen(d->flows_name, RUNDIR_MEMBERS);
	if (!err && d->flows_fd < 0)
		err = d->flows_fd;
	if (!err)
		err = registrar_own(&d->registrar, d->flows_name);
	if (!err)
		return;
	d->flows_name[0] = '\0';
	/* The relay that we replace has it until it is gone. */
	if (takes_over && err == -EADDRINUSE)
		return;
	record_say(RECORD_WARN,
		   "flows: %s: nobody can list the flows of this relay (see " RUNDIR ")",
		   strerror(-err));
}

/* Those of systemd or of the relay that runs already; what is missing then is opened. */
static int get_listeners(struct daemon *d, int *ret_old_relay_fd)
{
	char why[DAEMON_WHY_LEN] = "systemd: its sockets cannot be taken (check the socket unit)";
	struct takeover takeover = { .old_relay_fd = -1, .listen_fd = -1 };
	char name[HANDOVER_NAME_LEN];
	int err = inherited_from_systemd(&takeover.listeners);

	handover_name(&d->options, name);
	if (!err && !takeover.listeners.count)
		err = handover_ask(name, &takeover, why, sizeof(why));
	listener_set_init(&d->listeners, &d->options, d->relay.binding.in);
	if (!err)
		err = inherited_place(&takeover.listeners, &d->listeners, &d->options, why,
				      sizeof(why));
	if (takeover.listeners.destroyed)
		record_say(RECORD_WARN,
			   "%u listeners that we were given were destroyed by another program, as "
			   "ss -K does: opening new ones",
			   takeover.listeners.destroyed);
	if (!err)
		err = listener_open_missing(&d->listeners, &d->options, why, sizeof(why));
	if (!err)
		offer_handover(d, name, takeover.listen_fd);
	if (!err)
		offer_flows(d, name, takeover.old_relay_fd >= 0);
	*ret_old_relay_fd = takeover.old_relay_fd;
	return complain(err, why);
}

/* A relay that takes over from another one has its slots. */
static int refuse_conflict(const struct daemon *d, bool takes_over)
{
	char why[DAEMON_WHY_LEN];

	if (takes_over || d->options.join || d->listeners.device)
		return 0;
	return complain(conflict_check(d->options.pin_dir, &d->listeners, why, sizeof(why)), why);
}

/* What needs the privileges that we were started with. 0, or -errno after logging why. */
static int start_privileged(struct daemon *d, int *ret_old_relay_fd)
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
		log_error("log file %s: cannot be opened: %s (check --log-file)", o->log_file,
			  strerror(-err));
		return err;
	}
	record_choose(o->log_begin, o->settings->limits.source_prefix6);
	err = get_listeners(d, ret_old_relay_fd);
	if (!err)
		err = refuse_conflict(d, *ret_old_relay_fd >= 0);
	if (err)
		return err;
	err = registrar_start(o, &d->listeners, &d->registrar);
	if (err)
		log_error("registrar: cannot be started: %s (check the limit of processes)",
			  strerror(-err));
	return err;
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

/* They may come later, as with a link that is not up yet: flows are refused until then. */
static void warn_of_absent_sources(const struct daemon *d)
{
	const struct source *source = &d->options.source;
	char text[PREFIX_TEXT_LEN];

	for (unsigned int i = 0; i < source->count; i++) {
		const struct prefix *p = &source->addresses[i];
		union saddr addr = saddr_from(p->family, p->addr, 0);

		if (p->len == (p->family == AF_INET ? 32 : 128) &&
		    local_lookup(d->threads[0].ctx.local, &addr) != LOCAL_ADDRESS)
			record_say(RECORD_WARN,
				   "source address %s: not on this host, so no flow can have it "
				   "(add it to an interface, or name a prefix that is routed here)",
				   prefix_format(p, text));
	}
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
	d->relay.trouble = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->relay.clients = clients_new();
	d->relay.loops = looplog_new();
	pthread_mutex_lock(&d->gate);
	if (d->relay.done < 0 || d->relay.trouble < 0 || !d->relay.clients || !d->relay.loops)
		return -errno;
	err = open_threads(d);
	if (!err)
		warn_of_absent_sources(d);
	if (!err)
		share_descriptors(d);
	if (!err)
		err = flow_server_open(&d->flows, take_fd(&d->flows_fd), d->ports, d->opened);
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

static void say_started(const struct daemon *d)
{
	char ports[OPTIONS_MAX_PORTS * 6 + 1];
	char source[SOURCE_TEXT_LEN];
	size_t len = 0;

	for (unsigned int i = 0; i < d->options.listen_count; i++)
		len += (size_t)snprintf(ports + len, sizeof(ports) - len, "%s%u", i ? "," : "",
					d->options.listen[i]);
	record_say(RECORD_INFO, "tproxy-relay %s: listening on %s, %u worker%s, source %s",
		   TPROXY_VERSION, ports, d->options.workers, d->options.workers == 1 ? "" : "s",
		   source_format(&d->options.source, source));
	if (d->options.device[0])
		record_say(RECORD_INFO,
			   "bound to %s%s%s: rules name this relay by its port (--proxy %u)",
			   d->options.device, d->relay.binding.vrf ? ", in VRF " : "",
			   d->relay.binding.vrf_name, d->options.listen[0]);
	if (!d->listeners.have_v6)
		record_say(RECORD_WARN, "no IPv6 on this host: listening on IPv4 only");
}

/* SIGHUP reads the file again, as the user that we became. */
static void check_config_access(const struct options *o)
{
	if (o->config && access(o->config, R_OK))
		record_say(RECORD_WARN,
			   "%s: %s for the user that we became: SIGHUP cannot read it again "
			   "(make it readable, or choose another --user)",
			   o->config, strerror(errno));
}

/* Other daemons run as nobody, too, and processes of one user may interfere with each other. */
static void warn_of_nobody(const struct options *o)
{
	if (o->user[0] || geteuid() || !privs_user_is_missing())
		return;
	record_say(RECORD_WARN,
		   "user tproxy: does not exist: the relay becomes nobody, as other daemons do "
		   "(create it: useradd --system --user-group --home-dir /nonexistent "
		   "--shell /usr/sbin/nologin tproxy)");
}

static void start_watchdog(struct daemon *d)
{
	/* Twice as often as systemd asks, because one message may be late. */
	d->watchdog_ms = notify_watchdog_ms() / 2;
}

static int start_unprivileged(struct daemon *d)
{
	char why[DAEMON_WHY_LEN];
	int err;

	warn_of_nobody(&d->options);
	err = privs_drop(d->options.user, why, sizeof(why));
	if (err)
		return complain(err, why);
	check_config_access(&d->options);
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

int start_relay(struct daemon *d)
{
	int old_relay_fd;
	int err;

	fill_standard_fds();
	d->signals = signals_open();
	if (d->signals < 0)
		return complain(d->signals, "signals: no descriptor for them (check the limit of "
					    "open files)");
	err = start_privileged(d, &old_relay_fd);
	if (!err)
		err = start_unprivileged(d);
	if (err)
		return err;
	/* Until here the old relay serves. If we fail before, it continues. */
	if (old_relay_fd >= 0)
		record_say(RECORD_INFO, "hand-over: taking the listeners over");
	handover_finish(&old_relay_fd);
	pthread_mutex_unlock(&d->gate);
	say_started(d);
	if (d->registrar.fd >= 0)
		registrar_go(&d->registrar);
	start_watchdog(d);
	notify_ready();
	return 0;
}
