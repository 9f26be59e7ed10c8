/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/adopt/follow.h"

#include <stdarg.h>
#include <string.h>

#include "kernel/adopt/records.h"
#include "kernel/events/report.h"
#include "kernel/shim/shim.h"
#include "lib/listeners.h"
#include "loader/adopt/words.h"

/* Who holds a socket may become the program that was adopted: look at each look, then rarely. */
#define LOOKS_OFTEN 5
#define LOOKS_RARELY 30

struct following {
	struct follow *follow;
	struct session *session;
	struct records records;
	struct listeners listeners;
};

static void following_close(struct following *f)
{
	records_close(&f->records);
	listeners_free(&f->listeners);
}
#define __cleanup_following __attribute__((cleanup(following_close)))

static void __printf(3, 4)
	say(const struct follow *follow, enum follow_news news, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	follow->report(news, text, follow->arg);
}

/* ---- sockets that are gone ---------------------------------------------- */

static bool is_gone(const struct following *f, const struct record_socket *socket)
{
	return listeners_known(&f->listeners, socket->value.key.protocol) &&
	       !listeners_by_cookie(&f->listeners, socket->cookie);
}

static bool has_socket(const struct following *f, const struct record *record)
{
	for (size_t i = 0; i < f->records.n_sockets; i++)
		if (!memcmp(&f->records.sockets[i].value.key, &record->key, sizeof(record->key)) &&
		    !is_gone(f, &f->records.sockets[i]))
			return true;
	return false;
}

static void forget_gone(const struct following *f)
{
	for (size_t i = 0; i < f->records.n_sockets; i++) {
		const struct record_socket *socket = &f->records.sockets[i];
		const struct record *record = records_find(&f->records, &socket->value.key);
		char text[WORDS_LEN];

		if (!is_gone(f, socket))
			continue;
		records_del_socket(&f->records, socket->cookie);
		if (record && !has_socket(f, record))
			say(f->follow, FOLLOW_CLOSED,
			    "%s: closed; adopted again when it listens again",
			    words_record(record, text));
	}
}

/* ---- new ones ----------------------------------------------------------- */

static struct follow_stranger *stranger_of(struct follow *follow, __u64 cookie)
{
	struct follow_stranger *stranger;

	for (size_t i = 0; i < FOLLOW_STRANGERS; i++)
		if (follow->strangers[i].cookie == cookie)
			return &follow->strangers[i];
	stranger = &follow->strangers[follow->next++ % FOLLOW_STRANGERS];
	*stranger = (struct follow_stranger){ .cookie = cookie };
	return stranger;
}

/* Of those that wait, are any due to be looked for? */
static bool is_due(struct follow *follow, const struct take *take)
{
	bool due = false;

	for (size_t i = 0; i < take->n; i++) {
		struct follow_stranger *stranger = stranger_of(follow, take->wanted[i]->cookie);

		due |= stranger->looks < LOOKS_OFTEN || !(stranger->looks % LOOKS_RARELY);
		stranger->looks++;
	}
	return due;
}

static void report_strangers(struct follow *follow, const struct take *take)
{
	for (size_t i = 0; i < take->n; i++) {
		const struct listener *listener = take->wanted[i];
		char text[WORDS_LEN], program[WORDS_LEN];
		struct holder holder = { .comm = "?" };

		if (stranger_of(follow, listener->cookie)->looks != LOOKS_OFTEN)
			continue;
		listener_holder(listener, &holder);
		say(follow, FOLLOW_STRANGER,
		    "%s of %s (pid %d): another program or user than the adopted %s: left "
		    "alone (tproxy-loader adopt --pid %d)",
		    words_listener(listener, text), holder.comm, (int)holder.pid,
		    words_record(take->record, program), (int)holder.pid);
	}
}

static void note_taken(struct following *f, const struct take *take)
{
	struct record record = *take->record;
	char text[WORDS_LEN];

	record.value.pid = (__u32)take->pid;
	records_put(&f->session->state, &f->records, &record);
	say(f->follow, FOLLOW_ADOPTED, "%s: adopted again (pid %d)", words_record(&record, text),
	    (int)take->pid);
	event_report_adopted(&f->session->state, TPROXY_EVENT_ADOPTED, text);
}

static void follow_record(struct following *f, const struct record *record)
{
	struct take take = { .session = f->session,
			     .records = &f->records,
			     .listeners = &f->listeners,
			     .record = record };

	if (!take_look(&take) || !is_due(f->follow, &take))
		return;
	take_run(&take);
	if (take.taken)
		note_taken(f, &take);
	report_strangers(f->follow, &take);
}

/* ---- shims -------------------------------------------------------------- */

static void follow_shims(const struct follow *follow, const struct session *session)
{
	struct shim shims[SHIM_MAX];
	int n = shim_list(&session->state, shims);
	bool made;

	for (int i = 0; i < n; i++)
		if (!shims[i].alive &&
		    !shim_on(&session->state, shims[i].path, shims[i].adopted, &made) && made)
			say(follow, FOLLOW_SHIM,
			    "cgroup %s: made again: SO_ORIGINAL_DST is answered again",
			    shims[i].path);
}

void follow_adopted(struct follow *follow, struct session *session)
{
	struct following f __cleanup_following = { .follow = follow,
						   .session = session,
						   .records = RECORDS_CLOSED };

	if (session->state.map[MAP_CONFIG] < 0)
		return;
	follow_shims(follow, session);
	if (records_open(&session->state, &f.records) || !f.records.n ||
	    listeners_read(&f.listeners))
		return;
	forget_gone(&f);
	for (size_t i = 0; i < f.records.n; i++)
		follow_record(&f, &f.records.items[i]);
}
