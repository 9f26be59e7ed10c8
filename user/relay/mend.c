/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/mend.h"

#include <string.h>

#include "lib/util.h"
#include "relay/log/record.h"

#define TRIES_MAX 10     /* for the last listener: some 30 s */
#define SILENCE_MS 60000 /* the helper reports at least each 5 s while it tries */
#define LINES_MAX 40     /* all listeners of 8 workers, in */
#define LINES_MS 10000

static struct record_limit limit = { .what = "messages about listeners that died",
				     .max = LINES_MAX,
				     .window_ms = LINES_MS };

/* ---- words -------------------------------------------------------------- */

#define NAME_LEN 64

static const char *name_of(const struct mend *m, const struct listener_id *id, char *buf)
{
	int len = snprintf(buf, NAME_LEN, "listener %s:%u", listener_names[id->cls],
			   m->listeners->ports[id->worker][id->row][id->cls]);

	if (!listener_asked_port(m->options, id))
		snprintf(buf + len, NAME_LEN - (size_t)len, " of worker %u", id->worker);
	return buf;
}

static void say_dead(const struct mend *m, const struct listener_id *id, int err)
{
	char name[NAME_LEN];

	if (!record_limit_take(&limit, monotonic_ms()))
		return;
	name_of(m, id, name);
	if (err == ECONNABORTED)
		record_say(
			RECORD_WARN,
			"%s: another program destroyed it, as ss -K does; %s that waited in it are lost; "
			"opening it again",
			name, class_is_tcp(id->cls) ? "connections" : "datagrams");
	else
		record_say(RECORD_WARN, "%s: %s; opening it again", name, strerror(err));
}

static void say_failed(const struct mend *m, const struct registrar_report *report)
{
	const struct registrar_listener *l = &report->listener;
	char name[NAME_LEN];

	if (!registrar_tells(l->tries) || !record_limit_take(&limit, monotonic_ms()))
		return;
	name_of(m, &l->id, name);
	if (report->err == EADDRINUSE)
		record_say(RECORD_ERROR,
			   "%s: cannot be opened again: %s has the port (stop it; trying again)",
			   name, *l->holder ? l->holder : "another process");
	else
		record_say(RECORD_ERROR, "%s: cannot be opened again: %s (trying again)", name,
			   strerror(report->err));
}

/* ---- the last one ------------------------------------------------------- */

/* Whether any listener, of those that the set has ever had, fits. */
static bool find(const struct mend *m, bool (*fits)(int fd))
{
	const struct listener_set *set = m->listeners;
	const unsigned int row_size = TPROXY_CLASS_MAX;

	for (unsigned int i = 0; i < set->workers * LISTENER_ROWS * row_size; i++) {
		unsigned int worker = i / row_size / LISTENER_ROWS;
		unsigned int row = i / row_size % LISTENER_ROWS;

		if (set->ports[worker][row][i % row_size] &&
		    fits(set->worker[worker].fds[row][i % row_size]))
			return true;
	}
	return false;
}

static bool is_open(int fd)
{
	return fd >= 0;
}

static bool is_missing(int fd)
{
	return fd < 0;
}

/* ---- listeners ---------------------------------------------------------- */

static void bury(struct mend *m, const struct listener_id *id, int err)
{
	listener_close_dead(listener_at(m->listeners, id), id->cls);
	say_dead(m, id, err);
	if (registrar_ask_listener(m->registrar, id))
		m->hopeless = "a listener is dead and the helper process does not answer";
	listener_note_ports(m->listeners, m->options);
	m->due = monotonic_ms() + SILENCE_MS;
}

static void mend_row(struct mend *m, unsigned int worker, unsigned int row)
{
	for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		int err = exchange_take_dead(&m->threads[worker].exchange, row, cls);

		if (err)
			bury(m, &(struct listener_id){ worker, row, cls }, err);
	}
}

void mend_listeners(struct mend *m)
{
	for (unsigned int worker = 0; worker < m->listeners->workers; worker++)
		for (unsigned int row = 0; row < LISTENER_ROWS; row++)
			mend_row(m, worker, row);
}

/* The helper has closed ours before it opened this one, so the place is empty. */
static void take_listener(struct mend *m, const struct listener_id *id, int fd)
{
	char name[NAME_LEN];

	*listener_at(m->listeners, id) = fd;
	listener_note_ports(m->listeners, m->options);
	exchange_give(&m->threads[id->worker].exchange, id->row, id->cls, fd);
	thread_wake(&m->threads[id->worker]);
	if (record_limit_take(&limit, monotonic_ms()))
		record_say(RECORD_INFO, "%s: opened again", name_of(m, id, name));
}

void mend_answer(struct mend *m, const struct registrar_report *report)
{
	const struct registrar_listener *l = &report->listener;

	if (report->fd >= 0)
		take_listener(m, &l->id, report->fd);
	else
		say_failed(m, report);
	m->due = find(m, is_missing) ? monotonic_ms() + SILENCE_MS : 0;
	if (l->tries >= TRIES_MAX && !find(m, is_open))
		m->hopeless = "no listener is left, and none can be opened";
}

int mend_wait(const struct mend *m)
{
	uint64_t now = monotonic_ms();

	if (!m->due)
		return -1;
	return now < m->due ? (int)(m->due - now) : 0;
}

void mend_check(struct mend *m)
{
	if (mend_wait(m))
		return;
	m->due = 0;
	m->hopeless = "a listener is missing and the helper process is silent";
}

void mend_without_helper(struct mend *m)
{
	if (find(m, is_missing))
		m->hopeless = "a listener is missing and the helper process is gone";
}
