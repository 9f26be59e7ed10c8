/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/trace/follow.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "kernel/own/own.h"
#include "kernel/trace/trace.h"
#include "loader/app/signals.h"
#include "loader/steps/session_open.h"
#include "loader/trace/obstacle.h"
#include "loader/trace/output.h"

/*
 * How often to look whether the programs were replaced, which the kernel does not announce, and to
 * renew the session.
 */
#define LOOK_MS 200
#define SECOND_MS 1000
#define LOOPBACK_IFINDEX 1
/* Signals and the clock must not wait for a flood to end. */
#define BATCH 2048

struct follow {
	struct app *app;
	const struct trace_request *request;
	struct session session;
	struct trace trace;
	struct names names;
	struct trace_output out;
	int signals;
	unsigned int batch;
	bool ended;
	bool waiting; /* nothing is attached now */
	bool warned;  /* that drops are not shown */
	__u64 unshown;
	struct trace_totals before; /* of programs that were replaced */
	__u64 lost_said;            /* of `lost`: reported so far */
	__u64 deadline;             /* monotonic ms; 0: none */
	__u64 next_look, next_second;
};

/* ---- events ------------------------------------------------------------- */

static bool is_complete(const struct follow *f)
{
	return f->out.closed || (f->request->count && f->out.shown >= f->request->count);
}

static int take_event(const struct trace_event *event, void *arg)
{
	struct follow *f = arg;
	struct trace_view view;

	if (is_complete(f)) {
		f->unshown++;
		return 0;
	}
	trace_view_make(&view, event, &f->names, f->session.state.config.mask);
	trace_output_event(&f->out, &view);
	if (f->out.closed)
		f->unshown++;
	return is_complete(f) || ++f->batch % BATCH == 0 ? -EAGAIN : 0;
}

static struct trace_totals totals(struct follow *f)
{
	struct trace_totals now = trace_totals(&f->trace);

	now.matched += f->before.matched;
	now.lost += f->before.lost;
	now.unreadable += f->before.unreadable;
	return now;
}

static void report_lost(struct follow *f)
{
	const __u64 lost = totals(f).lost;

	if (lost != f->lost_said)
		trace_output_lost(&f->out, lost - f->lost_said);
	f->lost_said = lost;
}

/* ---- attaching ---------------------------------------------------------- */

/* ifindex of the interface to trace, as its name has it now. Own traffic is dropped on lo. */
static __u32 chosen_interface(const struct follow *f)
{
	__u32 ifindex;

	if (f->request->local)
		return LOOPBACK_IFINDEX;
	if (!f->request->ifname)
		return TRACE_ALL_INTERFACES;
	ifindex = if_nametoindex(f->request->ifname);
	return ifindex ? ifindex : TRACE_NO_INTERFACE;
}

static __u32 chosen_kinds(const struct trace_request *request)
{
	if (request->local)
		return TPROXY_WATCH_OWN;
	return request->ifname ? TPROXY_WATCH_PACKETS : TPROXY_WATCH_PACKETS | TPROXY_WATCH_OWN;
}

/* 0, or a reported exit code. */
static int attach(struct follow *f)
{
	int err;

	f->trace.cb = take_event;
	f->trace.arg = f;
	f->trace.kinds = chosen_kinds(f->request);
	f->trace.only = chosen_interface(f);
	f->names.state = &f->session.state;
	names_refresh(&f->names);
	err = trace_open(&f->trace, &f->session.state, &f->request->filter);
	if (err) {
		trace_obstacle_report(err);
		return EXIT_FAILED;
	}
	err = trace_open_drops(&f->trace, &f->session.state, &f->request->filter);
	if (err && !f->warned)
		trace_obstacle_warn(err);
	f->warned = err;
	return EXIT_DONE;
}

/* What the programs have sent until now is shown, or counted if it is not wanted any more. */
static void detach(struct follow *f)
{
	trace_stop(&f->trace);
	while (trace_read(&f->trace) == -EAGAIN)
		continue;
	f->before = totals(f);
	trace_close(&f->trace);
	session_close(&f->session);
	f->session = SESSION_CLOSED;
}

/* What was traced is no longer there. 0, or a reported exit code. */
static int attach_again(struct follow *f, const char *why)
{
	int code;

	if (!f->waiting)
		detach(f);
	f->session = SESSION_CLOSED;
	code = session_open_silently(&f->session, f->app);
	if (code)
		session_close(&f->session);
	if (code == EXIT_NOT_ATTACHED) {
		if (!f->waiting)
			log_info("trace: nothing is attached any more: waiting (tproxy-loader "
				 "attach IF)");
		f->waiting = true;
		return EXIT_DONE;
	}
	if (code)
		return session_open_to_read(&f->session, f->app); /* this time with its message */
	log_info("trace: %s (packets in between are not shown)", why);
	f->waiting = false;
	return attach(f);
}

/* ---- the loop ----------------------------------------------------------- */

static int look(struct follow *f)
{
	if (f->waiting || trace_is_outdated(&f->trace, f->app->pin_dir))
		return attach_again(f, "the programs were replaced: tracing the new ones");
	if (trace_renew(&f->trace, chosen_interface(f)))
		return attach_again(f, "it was stopped for too long: it begins again");
	return EXIT_DONE;
}

static int take_turns(struct follow *f)
{
	const __u64 now = monotonic_ms();
	int code = EXIT_DONE;

	f->ended |= is_complete(f) || (f->deadline && now >= f->deadline);
	if (!f->ended && now >= f->next_look) {
		f->next_look = now + LOOK_MS;
		code = look(f);
	}
	if (now >= f->next_second) {
		f->next_second = now + SECOND_MS;
		report_lost(f);
		names_refresh(&f->names);
	}
	return code;
}

static int time_left(const struct follow *f)
{
	const __u64 now = monotonic_ms();
	__u64 until = f->next_look < f->next_second ? f->next_look : f->next_second;

	if (f->deadline && f->deadline < until)
		until = f->deadline;
	return until > now ? (int)(until - now) : 0;
}

/* Waits for events, a signal, the end of the reader, or until something is due. */
static void wait_for_news(struct follow *f, int timeout_ms)
{
	struct pollfd fds[] = { { .fd = f->signals, .events = POLLIN },
				{ .fd = STDOUT_FILENO }, /* only POLLERR */
				{ .fd = trace_fd(&f->trace), .events = POLLIN } };
	struct signalfd_siginfo info;

	trace_output_flush(&f->out);
	if (poll(fds, ARRAY_SIZE(fds), timeout_ms) <= 0)
		return;
	if (fds[0].revents && read(f->signals, &info, sizeof(info)) == sizeof(info))
		f->ended = true;
	if (fds[1].revents & POLLERR) {
		f->out.closed = true;
		f->out.error = EPIPE;
	}
}

static int run(struct follow *f)
{
	int code = EXIT_DONE;

	while (!code && !f->ended) {
		const int rest = trace_read(&f->trace);

		/* After a batch there may be more, for which the kernel does not wake us again. */
		wait_for_news(f, rest == -EAGAIN ? 0 : time_left(f));
		code = take_turns(f);
	}
	return code;
}

/* ---- begin and end ------------------------------------------------------ */

static void summarize(struct follow *f)
{
	const struct trace_totals all = f->before;
	const struct trace_summary summary = {
		.matched = all.matched,
		.shown = f->out.shown,
		.lost = all.lost,
		.unshown = f->unshown,
		.unreadable = all.unreadable,
	};

	report_lost(f);
	trace_output_end(&f->out, &summary);
}

static int check_own(const struct follow *f)
{
	struct tproxy_own config;
	int err = own_read_config(&f->session.state, &config);

	if (!err)
		return EXIT_DONE;
	if (err != -ENOENT) {
		log_error("trace: internal/own_config: %s", strerror(-err));
		return EXIT_FAILED;
	}
	log_error("trace: own traffic is not attached (tproxy-loader attach --local)");
	return EXIT_NOT_ATTACHED;
}

static int check_interface(struct follow *f)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;

	if (f->request->local)
		return check_own(f);
	if (!f->request->ifname)
		return EXIT_DONE;
	if (session_ifaces(&f->session, &ifaces, &n))
		return EXIT_FAILED;
	for (size_t i = 0; i < n; i++)
		if (!strncmp((const char *)ifaces[i].value.name, f->request->ifname,
			     TPROXY_IFNAME_LEN))
			return EXIT_DONE;
	return session_refuse_unattached(f->request->ifname);
}

static int follow(struct follow *f)
{
	int code;

	f->signals = signals_take_ends();
	code = attach(f);
	if (code)
		return code;
	f->next_second = monotonic_ms() + SECOND_MS;
	f->deadline = f->request->duration_ms ? monotonic_ms() + f->request->duration_ms : 0;
	log_info("tracing %s (Ctrl-C ends it)", f->request->local  ? "own traffic" :
						f->request->ifname ? f->request->ifname :
								     "all attached interfaces");
	trace_output_begin(&f->out);
	code = run(f);
	detach(f);
	summarize(f);
	if (!f->out.closed || f->out.error == EPIPE)
		return code;
	log_error("standard output: %s", strerror(f->out.error));
	return EXIT_FAILED;
}

int trace_follow(struct app *app, const struct trace_request *request)
{
	static struct follow f; /* too large for a stack */
	int code;

	f = (struct follow){
		.app = app,
		.request = request,
		.session = SESSION_CLOSED,
		.trace = TRACE_CLOSED,
		.signals = -1,
	};
	f.out.json = request->json;
	code = session_open_to_read(&f.session, app);
	if (!code)
		code = check_interface(&f);
	if (!code)
		code = follow(&f);
	trace_close(&f.trace);
	session_close(&f.session);
	if (f.signals >= 0)
		close(f.signals);
	return code;
}
