/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/registration.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include "lib/pindir.h"
#include "lib/util.h"
#include "relay/log/logfile.h"
#include "relay/net/localaddr.h"
#include "relay/process/auditing.h"
#include "relay/process/channel.h"
#include "relay/process/pins.h"
#include "relay/process/reopening.h"
#include "relay/process/slots.h"

/* inotify reports at once; the poll finds what it cannot see, such as a bpffs mounted later. */
#define POLL_MS 250
#define REFILL_QUIET_MS 10000
#define ADDRESSES_EVERY_MS 100 /* reading thousands of them takes time, and they may never rest */

struct registration {
	int sock;
	int inotify;
	int watch; /* of the parent directory, -1: none */
	const struct options *options;
	struct listener_set *set;
	struct pins pins;
	struct own_note own_note;
	struct local_reader reader;
	struct local_set addresses;
	uint64_t addresses_due; /* ms of CLOCK_MONOTONIC: not to be read before */
	struct slots slots;
	struct reopening reopening;
	struct auditing auditing;
	bool looked;               /* for the socket map, at least once */
	uint64_t refill_said;      /* ms of CLOCK_MONOTONIC, 0: never */
	struct file_id parent_id;  /* what is watched */
	struct file_id registered; /* the socket map we are in */
	struct file_id refused;    /* the socket map we warned about, and why */
	int refused_err;
	struct registrar_config reported;
	bool log_wanted; /* the log file is to be opened again */
	bool log_only;   /* the relay has retired */
};

static void __printf(3, 4)
	say(const struct registration *r, enum record_level level, const char *fmt, ...)
{
	struct registrar_report report = { .kind = REGISTRAR_TEXT, .level = level };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(report.text, sizeof(report.text), fmt, ap);
	va_end(ap);
	channel_send(r->sock, &report, sizeof(report), -1);
}

/*
 * A map cannot be watched, so we see a change at the next poll. The loader waits for that: it keeps
 * the rules of an interface that is being detached for a second.
 */
static void report_config(struct registration *r)
{
	struct registrar_report report = { .kind = REGISTRAR_CONFIG };
	struct tproxy_config config;

	if (!pins_read_config(&r->pins, &config))
		report.config =
			(struct registrar_config){ .mark = config.mark,
						   .df_mark = config.df_mark,
						   .link_local = config.link_local,
						   .detaching = pins_any_detaching(&r->pins) };
	if (!memcmp(&report.config, &r->reported, sizeof(r->reported)))
		return;
	if (!channel_send(r->sock, &report, sizeof(report), -1))
		r->reported = report.config;
}

static void say_refusal(const struct registration *r, int err)
{
	char why[PINDIR_WHY_LEN];

	if (err == -EUCLEAN && pindir_check(r->pins.dir, why) == err)
		say(r, RECORD_WARN, "not registered: %s", why);
	else if (err == -EPROTO)
		say(r, RECORD_WARN,
		    "%s: not registered: its maps have another ABI than %d (install loader and "
		    "relay of one version)",
		    r->pins.dir, TPROXY_ABI);
	else if (err == -EXDEV)
		say(r, RECORD_WARN,
		    "%s: not registered: it belongs to another network namespace (start the relay "
		    "with --netns)",
		    r->pins.dir);
	else if (err == -EBUSY)
		say(r, RECORD_WARN,
		    "%s: not registered: another relay is registered (this one will be when that one ends; "
		    "--join shares the flows)",
		    r->pins.dir);
	else
		say(r, RECORD_WARN, "%s: not registered: %s (trying again)", r->pins.dir,
		    strerror(-err));
}

/* Once for each map and cause: this is called four times a second. */
static void report_refusal(struct registration *r, const struct file_id *map, int err)
{
	if (!file_id_same(map, &r->refused) || err != r->refused_err)
		say_refusal(r, err);
	r->refused = *map;
	r->refused_err = err;
}

/* Registers in a socket map that we are not in. */
static void register_slots(struct registration *r, const struct file_id *map)
{
	struct tproxy_config config;
	int err = pins_read_config(&r->pins, &config);

	if (!err)
		err = slots_enter(&r->slots, r->pins.socks, r->options->join);
	if (err) {
		report_refusal(r, map, err);
		return;
	}
	r->registered = *map;
	r->refused = (struct file_id){ 0 };
	pins_note_addresses(&r->pins, &r->addresses.own);
	say(r, RECORD_INFO, "registered in %s%s", r->pins.dir,
	    r->slots.others ? ", beside another relay" : "");
}

static void report_refill(struct registration *r, unsigned int count)
{
	uint64_t now = monotonic_ms();

	if (r->refill_said && now - r->refill_said < REFILL_QUIET_MS)
		return;
	r->refill_said = now;
	say(r, RECORD_INFO, "%s: %u slots were empty and are filled again", r->pins.dir, count);
}

static void refill_slots(struct registration *r)
{
	unsigned int filled;
	int err = slots_refill(&r->slots, r->pins.socks, r->options->join, &filled);

	if (err)
		report_refusal(r, &r->registered, err);
	else if (filled)
		report_refill(r, filled);
}

static void report_waiting(struct registration *r)
{
	if (!r->looked)
		say(r, RECORD_INFO,
		    "%s: does not exist yet, waiting to register (tproxy-loader attach IF creates "
		    "it; --pin-dir chooses another one)",
		    r->pins.dir);
}

static void sync_slots(struct registration *r)
{
	struct file_id now;
	bool there = file_id_get(r->pins.socks, &now);

	if (!there)
		report_waiting(r);
	r->looked = true;
	if (!there)
		r->registered = (struct file_id){ 0 };
	else if (file_id_same(&now, &r->registered))
		refill_slots(r);
	else
		register_slots(r, &now);
}

static void sync_own_note(struct registration *r)
{
	int err = own_note_sync(&r->own_note, &r->pins);

	if (err > 0)
		say(r, RECORD_DEBUG, "%s: noted as a proxy for this host's own traffic",
		    r->pins.dir);
	else if (err)
		say(r, RECORD_WARN,
		    "%s: cannot be noted as a proxy for this host's own traffic: %s (put the relay "
		    "into a cgroup of own-exclude, or its connections may come back to it)",
		    r->pins.dir, err == -E2BIG ? "the map own_tasks is full" : strerror(-err));
}

/* Watches the parent directory, which may be mounted or created later. */
static void sync_watch(struct registration *r)
{
	struct file_id now = { 0 };

	file_id_get(r->pins.parent, &now);
	if (file_id_same(&now, &r->parent_id) || r->inotify < 0)
		return;
	if (r->watch >= 0)
		inotify_rm_watch(r->inotify, r->watch);
	r->watch = now.ino ? inotify_add_watch(r->inotify, r->pins.parent,
					       IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_ATTRIB |
						       IN_ONLYDIR) :
			     -1;
	r->parent_id = now;
}

static void sync_addresses(struct registration *r)
{
	if (!local_read(&r->reader, &r->addresses))
		pins_note_addresses(&r->pins, &r->addresses.own);
	r->addresses_due = monotonic_ms() + ADDRESSES_EVERY_MS;
}

/* ---- requests ----------------------------------------------------------- */

/* If the relay does not read, the answer comes at a later poll. */
static void answer_log(struct registration *r)
{
	const char *path = r->options->log_file;
	__cleanup_close int fd = path[0] ? logfile_open(path, false) : -ENOENT;
	struct registrar_report report = { .kind = REGISTRAR_LOG, .err = fd < 0 ? -fd : 0 };

	if (!channel_send(r->sock, &report, sizeof(report), fd))
		r->log_wanted = false;
}

static void take_request(struct registration *r, const struct registrar_request *request)
{
	switch (request->want) {
	case REGISTRAR_GO:
		break;
	case REGISTRAR_WANT_LOG:
		r->log_wanted = true;
		break;
	case REGISTRAR_WANT_LOG_ONLY:
		r->log_only = true;
		break;
	case REGISTRAR_WANT_LISTENER:
		if (reopening_want(&r->reopening, &request->id))
			slots_update(&r->slots);
		break;
	case REGISTRAR_WROTE_AUDITED:
		for (unsigned int i = 0; i < request->count; i++)
			auditing_confirm(&r->auditing);
		break;
	case REGISTRAR_WANT_BEGINS:
		r->auditing.begins = request->count;
		break;
	}
}

/* False: the relay is gone. */
static bool take_requests(struct registration *r)
{
	struct registrar_request request;
	ssize_t n;
	int fd;

	while ((n = channel_receive(r->sock, &request, sizeof(request), &fd)) > 0) {
		cleanup_fd(&fd);
		if (n == sizeof(request))
			take_request(r, &request);
	}
	return n == -EAGAIN;
}

static void answer_requests(struct registration *r)
{
	if (r->log_wanted)
		answer_log(r);
	if (reopening_turn(&r->reopening, r->sock))
		slots_update(&r->slots);
}

/* ---- the loop ----------------------------------------------------------- */

static void turn(struct registration *r)
{
	sync_watch(r);
	/* First, so that the relay knows the configuration before the first flow. */
	report_config(r);
	answer_requests(r);
	sync_own_note(r); /* and before the first flow of this host itself */
	if (!r->set->device)
		sync_slots(r);
	if (r->registered.ino || r->auditing.map >= 0)
		auditing_turn(&r->auditing, &r->pins, r->sock);
}

/* For a relay that has retired: its last flows may need the log for days. */
static void run_for_log(struct registration *r)
{
	struct pollfd fd = { .fd = r->sock, .events = POLLIN };

	for (unsigned int i = 0; i < r->set->workers; i++)
		listener_close(&r->set->worker[i]);
	do {
		/* What the relay has not confirmed yet is not for the next one. */
		if (r->auditing.last)
			auditing_turn(&r->auditing, &r->pins, r->sock);
		else if (!r->auditing.sent)
			auditing_stop(&r->auditing);
		if (r->log_wanted)
			answer_log(r);
		poll(&fd, 1, r->log_wanted || r->auditing.last ? POLL_MS : -1);
	} while (take_requests(r));
}

static void run(struct registration *r)
{
	char buf[4096];

	/* registrar_go sends the first message; the relay's end is the end of file. */
	if (recv(r->sock, buf, sizeof(buf), 0) <= 0)
		return;
	for (;;) {
		bool read_now = monotonic_ms() >= r->addresses_due;
		struct pollfd fds[] = { { .fd = r->sock, .events = POLLIN },
					{ .fd = r->inotify, .events = POLLIN },
					{ .fd = read_now ? r->reader.events : -1,
					  .events = POLLIN } };

		turn(r);
		if (poll(fds, ARRAY_SIZE(fds), POLL_MS) < 0)
			continue;
		if (fds[0].revents && !take_requests(r))
			return;
		if (r->log_only) {
			run_for_log(r);
			return;
		}
		if (fds[2].revents)
			sync_addresses(r);
		if (fds[1].revents && read(r->inotify, buf, sizeof(buf)) < 0)
			continue;
	}
}

void registration_run(int sock, const struct options *o, struct listener_set *set,
		      const struct own_note *own_note)
{
	static struct registration r;

	r = (struct registration){ .sock = sock, .watch = -1, .options = o, .set = set };
	r.own_note = *own_note;
	pins_init(&r.pins, o->pin_dir);
	slots_init(&r.slots, set);
	reopening_init(&r.reopening, set, o);
	auditing_init(&r.auditing);
	r.auditing.begins = o->log_begin || o->log_level == RECORD_DEBUG;
	/* If it fails, the next command of the loader notes the addresses. */
	if (!local_reader_open(&r.reader))
		local_read(&r.reader, &r.addresses);
	r.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	run(&r);
}
