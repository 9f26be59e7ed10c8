/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "kernel/state/program.h"
#include "loader/monitor/monitor.h"
#include "loader/steps/session_open.h"

/* ---- the state comes and goes ------------------------------------------- */

static void forget(struct monitoring *m)
{
	event_listener_close(&m->listener);
	monitoring_forget_ifaces(m);
	monitoring_forget_policy(m);
	memset(m->counters, 0, sizeof(m->counters));
	memset(m->down, 0, sizeof(m->down));
	m->present = m->looked = m->unheard = false;
	m->deaf = 0;
}

static void leave(struct monitoring *m)
{
	if (!m->present)
		return;
	event_listener_read(&m->listener); /* the last events of this state */
	monitoring_detached_all(m);
	forget(m);
	monitor_say(&m->out, NULL, "state_gone", NULL,
		    "nothing is attached any more: waiting (tproxy-loader attach IF)");
}

/* Also where one was removed and made again between two looks. */
static void enter(struct monitoring *m, const struct session *session)
{
	const __u32 id = program_map_id(session->state.map[MAP_CONFIG]);
	struct json_object *detail;

	if (m->present && m->state == id)
		return;
	leave(m);
	m->present = true;
	m->state = id;
	m->generation = session->state.config.generation;
	if (!m->started)
		return;
	detail = monitor_detail();
	monitor_add_number(detail, "generation", session->state.config.generation);
	monitor_say(&m->out, NULL, "state_made", detail, "generation %u",
		    session->state.config.generation);
}

/* ---- events ------------------------------------------------------------- */

static const char *missing(int err)
{
	switch (err) {
	case -ENOENT:
		return "the attached programs are of an older build, which reports no events";
	case -EUSERS:
		return "8 traces and monitors run already (end one)";
	case -EPERM:
	case -EACCES:
		return "CAP_BPF is missing (run as root)";
	default:
		return strerror(-err);
	}
}

/* What is not heard is found by the looks, up to a second later and without the command. */
static void follow(struct monitoring *m, const struct session *session)
{
	const int before = m->deaf;

	m->deaf = event_listener_follow(&m->listener, &session->state);
	if (!m->deaf == !before && m->looked)
		return;
	if (m->deaf)
		log_warn(
			"events are not heard: %s: changes are reported a second later and without "
			"their command; repairs and audited flows are not reported",
			missing(m->deaf));
}

static void say_lost(struct monitoring *m)
{
	const uint64_t lost = event_listener_lost(&m->listener);
	struct json_object *detail;

	if (!lost)
		return;
	detail = monitor_detail();
	monitor_add_number(detail, "events", lost);
	monitor_say(&m->out, NULL, "lost", detail, "%llu events came too fast to be shown",
		    (unsigned long long)lost);
}

/* ---- a look ------------------------------------------------------------- */

/* The first line; it does not count as an event. */
static void start(struct monitoring *m)
{
	struct json_object *detail;

	if (m->started)
		return;
	detail = monitor_detail();
	json_object_object_add(detail, "attached", json_object_new_boolean(m->present));
	json_object_object_add(detail, "heard", json_object_new_boolean(m->present && !m->deaf));
	if (m->present)
		monitor_add_number(detail, "generation", m->generation);
	if (m->deaf)
		monitor_add_text(detail, "missing", missing(m->deaf));
	if (m->present)
		monitor_say(&m->out, NULL, "start", detail, "generation %u is live", m->generation);
	else
		monitor_say(&m->out, NULL, "start", detail,
			    "nothing is attached: waiting (tproxy-loader attach IF)");
	m->out.count = 0;
}

/* At the start a state that cannot be opened is an error; later it may be opened again. */
static bool refuse(struct monitoring *m)
{
	struct session session __cleanup_session = SESSION_CLOSED;

	session.app = m->app;
	return session_open_to_read(&session, m->app) == EXIT_FAILED;
}

bool monitoring_look(struct monitoring *m)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	int code;

	m->hurry = m->held = false;
	session.app = m->app;
	code = session_open_silently(&session, m->app);
	if (code == EXIT_FAILED && !m->started && refuse(m))
		return false;
	if (code) {
		leave(m);
		start(m);
	} else {
		enter(m, &session);
		follow(m, &session);
		start(m);
		monitoring_look_ifaces(m, &session);
		monitoring_look_policy(m, &session);
		monitoring_look_proxies(m, &session);
		monitoring_look_drops(m, &session);
		m->looked = true;
	}
	m->started = true;
	say_lost(m);
	return true;
}

void monitoring_close(struct monitoring *m)
{
	forget(m);
}
