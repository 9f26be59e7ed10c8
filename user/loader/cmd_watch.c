/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch: stays, and repairs what attach has set up. The data path never needs it: when it
 * ends, everything stays attached. Owns the loop; the repairs are those of watch/.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "kernel/maps/confirm_deadline.h"
#include "kernel/maps/older.h"
#include "kernel/monitor.h"
#include "kernel/own/proxies.h"
#include "lib/notify.h"
#include "loader/adopt/follow.h"
#include "loader/commands.h"
#include "loader/edit/apply.h"
#include "loader/edit/apply_devices.h"
#include "loader/edit/apply_own.h"
#include "loader/edit/conffile.h"
#include "loader/own/follow.h"
#include "loader/steps/confirm_guard.h"
#include "loader/steps/session_open.h"
#include "loader/steps/setup.h"
#include "loader/watch/events.h"
#include "loader/watch/reconcile.h"
#include "loader/watch/report.h"

#define MAX_PATTERNS 64
/* Changes come in bursts: wait this long after the first one. */
#define SETTLE_MS 20
/* The kernel announces neither the loss of a tcx link nor counters: look this often. */
#define LOOK_MS 1000
/* Signals must not wait long, but a command that learns UDP flows may hold the lock this long. */
#define LOCK_MS ((CONFIG_LEARN_DEFAULT_S + 1) * 1000)
#define PURGE_S 30

enum { OPT_CONFIG = 3000 };

static const struct option options[] = { { "config", required_argument, NULL, OPT_CONFIG },
					 APP_LONG_OPTIONS };

struct watch {
	struct app *app;
	const char *patterns[MAX_PATTERNS];
	size_t n;
	const char *path;       /* --config */
	struct config config;   /* as last read without errors */
	struct config former;   /* the previous one; empty once the new one is applied */
	bool unread, unapplied; /* the file, since start or SIGHUP */
	bool running;           /* after the first look; errors in the first look end the program */
	struct monitor monitor;
	int signals;
	unsigned long overruns; /* reported so far */
	time_t purged;          /* older UDP flows */
	struct watch_events events;
	struct watch_report report; /* of the checks */
	struct retry_table retry;   /* about the place of our programs */
	struct rulefight fight;     /* about the place of our routing rules */
	struct follow follow;       /* of adopted programs */
	struct own_proxies proxies; /* that own traffic leaves alone */
	bool changed;               /* a change was announced before this look */
	bool absent;                /* nothing was attached at the last look */
	bool outdated;              /* has reported that another build has taken over */
};

/* ---- at each look ------------------------------------------------------- */

static void purge_older(struct watch *w, const struct state *state)
{
	time_t now = time(NULL);

	if (now - w->purged < PURGE_S)
		return;
	w->purged = now;
	older_purge(state);
}

static void check_overruns(struct watch *w)
{
	if (w->overruns == w->monitor.overruns)
		return;
	w->overruns = w->monitor.overruns;
	log_debug("netlink messages were lost %lu times so far: everything is read again",
		  w->overruns);
}

/*
 * After an upgrade this process may be older than the attached programs. It keeps them:
 * attaching its own would undo the upgrade.
 */
static void check_build(struct watch *w, const struct state *state)
{
	bool other = state->config.build != state_build();

	if (other && !w->outdated)
		log_info("another build of tproxy-loader has attached its programs: they stay "
			 "(restart watch to run the same build)");
	w->outdated = other;
}

/* ---- configuration file ------------------------------------------------- */

/* A file with errors changes nothing: the previous one stays in force. */
static int read_config(struct watch *w)
{
	struct conffile_report report = { 0 };
	struct config config = { 0 };
	int err;

	if (!w->path || !w->unread)
		return 0;
	w->unread = false;
	log_init("tproxy-loader", w->app->level); /* run() may have silenced it */
	err = conffile_read(w->path, &report, &config);
	if (err)
		return err;
	config_free(&w->former);
	w->former = w->config;
	w->config = config;
	w->unapplied = true;
	return 0;
}

/* A file that would leave no rule is refused: the previous one stays in force. */
static void back_to_former(struct watch *w)
{
	config_free(&w->config);
	w->config = w->former;
	w->former = (struct config){ 0 };
}

/* True while a policy waits to be confirmed: watch leaves it alone. */
static bool waits_for_confirm(const struct session *session)
{
	struct confirm_deadline deadline;

	return confirm_deadline_read_armed(&session->state, &deadline);
}

static int apply_file(struct watch *w, struct session *session, bool present)
{
	const bool learns = config_learn_seconds(&w->config) != 0;
	struct conffile_report report = { 0 };
	struct edits edits __cleanup_edits = { 0 };
	struct apply apply = { .config = &w->config,
			       .path = w->path,
			       .report = &report,
			       .edits = &edits,
			       .learn = learns,
			       .no_watch = true };
	int err;

	if (!w->path || (!w->unapplied && !present))
		return 0;
	if (!w->unapplied || (present && waits_for_confirm(session))) {
		err = apply_interfaces(session, &w->config);
		return err ? err : apply_own_missing(session, &w->config);
	}
	err = apply_config(session, &apply, present);
	w->unapplied = false;
	if (err == -ENODATA)
		back_to_former(w);
	if (!err)
		log_info("%s: %s", w->path,
			 apply.changed ? "applied" : "is the live policy already");
	return err;
}

/* ---- looking ------------------------------------------------------------ */

/* Patterns ask for an attach, so they may create the state. */
static int look_at_state(struct watch *w, struct session *session, bool present)
{
	const struct setup want = { .keep_build = w->running };
	const struct reconcile r = { .session = session,
				     .patterns = w->patterns,
				     .n_patterns = w->n,
				     .repaired = watch_events_repaired,
				     .gave_up = watch_events_gave_up,
				     .retry = &w->retry,
				     .proxies = &w->proxies,
				     .fought = watch_events_fought,
				     .fight = &w->fight,
				     .arg = &w->events };
	bool created;
	int err, failed = apply_file(w, session, present);

	if (failed && !w->running)
		return failed;
	present = present || session->state.map[MAP_CONFIG] >= 0;
	if (!present && !w->n) {
		if (!w->absent)
			log_info("nothing is attached: waiting (tproxy-loader attach IF)");
		watch_report_forget(&w->report);
		w->absent = true;
		return 0;
	}
	w->absent = false;
	err = setup_state(session, &want, present, &created);
	w->monitor.table = session->state.config.table;
	if (!err)
		err = reconcile(&r);
	if (!err)
		err = own_follow_cgroups(session);
	if (!err)
		follow_adopted(&w->follow, session);
	if (!err)
		watch_events_down(&w->events, &session->state);
	if (!err)
		check_build(w, &session->state);
	if (!err)
		purge_older(w, &session->state);
	return err;
}

static int look_and_repair(struct watch *w)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	bool present;
	int err = read_config(w);

	if ((err && !w->running) || session_open_any(&session, w->app, &present))
		return -EIO;
	return look_at_state(w, &session, present);
}

static int look(struct watch *w)
{
	int err = look_and_repair(w);

	if (!err && !w->absent)
		watch_report_look(&w->report, w->app, w->changed);
	w->changed = false;
	return err;
}

static bool stop_asked(struct watch *w)
{
	struct signalfd_siginfo info;

	if (read(w->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	w->unread |= info.ssi_signo == SIGHUP;
	return info.ssi_signo != SIGHUP;
}

/* Sleeps until something changes or the next look is due. False: asked to stop. */
static bool wait_for_news(struct watch *w)
{
	struct pollfd fds[] = { { .fd = w->signals, .events = POLLIN },
				{ .fd = monitor_fd(&w->monitor), .events = POLLIN },
				/* the cgroup of a proxy is made again: its service starts */
				{ .fd = own_proxies_fd(&w->proxies), .events = POLLIN } };
	struct timespec until, now;
	long left = LOOK_MS;

	clock_gettime(CLOCK_MONOTONIC, &until);
	while (left > 0) {
		int n = poll(fds, ARRAY_SIZE(fds), (int)left);

		if (n > 0 && fds[0].revents && stop_asked(w))
			return false;
		if (n > 0 && fds[2].revents) {
			own_proxies_drain(&w->proxies);
			return true;
		}
		if (w->unread)
			return true;
		if (n > 0 && fds[1].revents && monitor_read(&w->monitor)) {
			usleep(SETTLE_MS * 1000);
			monitor_read(&w->monitor);
			w->changed = true;
			return true;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = LOOK_MS - ((now.tv_sec - until.tv_sec) * 1000 +
				  (now.tv_nsec - until.tv_nsec) / 1000000);
	}
	return true;
}

static int run(struct watch *w)
{
	bool failed = false;

	w->running = true;
	w->app->lock_wait_ms = LOCK_MS;
	notify_systemd("READY=1");
	log_info("watching");
	while (wait_for_news(w)) {
		/* Reports an error once, not every second while it lasts. */
		bool fails = look(w) != 0;

		log_init("tproxy-loader", fails ? LOG_SILENT : w->app->level);
		if (failed && !fails)
			log_info("works again");
		failed = fails;
		check_overruns(w);
		notify_systemd("WATCHDOG=1");
	}
	log_init("tproxy-loader", w->app->level);
	notify_systemd("STOPPING=1");
	log_info("%lu repairs; everything stays attached", w->events.repairs);
	return EXIT_DONE;
}

static int watch(struct watch *w)
{
	int err, code;

	if (!app_enter(w->app))
		return EXIT_FAILED;
	/* The monitor first: the second look sees what changes during the first one. */
	err = monitor_open(&w->monitor, TPROXY_DEFAULT_TABLE);
	w->signals = signals_take_ends();
	if (err || w->signals < 0) {
		log_error("watch: cannot listen for changes: %s", strerror(err ? -err : errno));
		return EXIT_FAILED;
	}
	/* An error at the start (privileges, bpffs) ends the program, with its reason. */
	code = look(w) ? EXIT_FAILED : run(w);
	monitor_close(&w->monitor);
	own_proxies_free(&w->proxies);
	close(w->signals);
	return code;
}

int cmd_watch(struct app *app, int argc, char **argv)
{
	struct watch w = { .app = app,
			   .follow = { .report = watch_events_adopted, .arg = &w.events } };
	const char *operand;
	int code, opt;

	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (opt == OPT_CONFIG) {
			w.path = optarg;
			w.unread = true;
			continue;
		}
		if (w.n == MAX_PATTERNS)
			return app_usage_error("watch: more than %d patterns", MAX_PATTERNS);
		w.patterns[w.n++] = operand;
	}
	w.events.json = app->json;
	w.report.json = app->json;
	code = watch(&w);
	config_free(&w.config);
	config_free(&w.former);
	watch_report_forget(&w.report);
	return code;
}
