/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/takeover.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/rundir.h"
#include "lib/util.h"
#include "relay/log/record.h"
#include "relay/process/namespaces.h"

#define ANSWER_MS 5000  /* a message of a relay that works */
#define ENDING_MS 10000 /* one that is about to end closes the socket */
#define BUSY_MS 45000   /* another start; longer than handover.c allows it */
#define AGAIN_MS 50

static int __printf(4, 5) fail(int err, char *ret_why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ret_why, size, fmt, ap);
	va_end(ap);
	return err;
}

/* As message_receive, but waits. -ETIMEDOUT: no answer. */
static int await(int fd, unsigned int max_fds, struct message *ret_message)
{
	uint64_t end = monotonic_ms() + ANSWER_MS;

	for (;;) {
		uint64_t now = monotonic_ms();
		struct pollfd one = { .fd = fd, .events = POLLIN };

		if (now >= end)
			return -ETIMEDOUT;
		if (poll(&one, 1, (int)(end - now)) > 0)
			return message_receive(fd, max_fds, ret_message);
	}
}

/* ---- asking ------------------------------------------------------------- */

/* In a directory of root's or our own, but that may have been shared with others. */
static bool trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static int say_hello(int fd)
{
	int fds[NAMESPACE_MAX];
	int err = namespaces_open(fds);

	if (err)
		return err;
	err = message_send(fd, &(struct message_out){ .type = MESSAGE_HELLO,
						      .fds = fds,
						      .fd_count = NAMESPACE_MAX });
	for (int i = 0; i < NAMESPACE_MAX; i++)
		close(fds[i]);
	return err;
}

/* 0, or -EPROTO: it is not what an offer has to be. */
static int take_offer(struct message *m, struct takeover *t)
{
	const struct offer *offer = &m->offer;
	unsigned int first = offer->has_flows ? 2 : 1;

	if (m->type != MESSAGE_OFFER || offer->count > LISTENERS_MAX ||
	    m->fd_count != first + offer->count)
		return -EPROTO;
	t->listen_fd = take_fd(&m->fds[0]);
	if (offer->has_flows)
		t->flows_fd = take_fd(&m->fds[1]);
	for (unsigned int i = 0; i < offer->count; i++) {
		t->listeners.way[i] = offer->way[i];
		t->listeners.fds[i] = take_fd(&m->fds[first + i]);
	}
	t->listeners.count = offer->count;
	t->next_id = offer->next_id;
	t->watchdog_ms = offer->watchdog_ms;
	t->pid = offer->pid;
	return 0;
}

enum asked {
	ASKED,          /* it has answered */
	ASKED_NOBODY,   /* there is no relay */
	ASKED_AGAIN,    /* it was about to end */
	ASKED_STRANGER, /* it belongs to another user */
	ASKED_FAILED,   /* *ret_err says why */
};

static enum asked ask_once(const char *name, int *ret_fd, struct message *ret_message, int *ret_err)
{
	__cleanup_close int fd = rundir_connect(name);
	int err;

	if (fd < 0) {
		*ret_err = fd == -EAGAIN ? -ETIMEDOUT : fd;
		return fd == -EAGAIN ? ASKED_FAILED : ASKED_NOBODY;
	}
	if (!trusted(fd))
		return ASKED_STRANGER;
	err = say_hello(fd);
	if (!err)
		err = await(fd, MESSAGE_FDS_MAX, ret_message);
	*ret_err = err;
	if (err == -EPIPE || err == -ECONNRESET)
		return ASKED_AGAIN;
	if (err)
		return ASKED_FAILED;
	*ret_fd = take_fd(&fd);
	return ASKED;
}

static bool is_refused(const struct message *m, enum refusal_cause cause)
{
	return m->type == MESSAGE_REFUSED && m->refusal.cause == (uint32_t)cause;
}

/* Until it answers for good, or the time is over. */
static enum asked ask(const char *name, int *ret_fd, struct message *ret_message, int *ret_err)
{
	uint64_t begin = monotonic_ms();

	for (;;) {
		enum asked r = ask_once(name, ret_fd, ret_message, ret_err);
		bool busy = r == ASKED && is_refused(ret_message, REFUSAL_BUSY);
		uint64_t limit = busy ? BUSY_MS : r == ASKED_AGAIN ? ENDING_MS : 0;

		if (!limit || monotonic_ms() - begin >= limit)
			return r;
		if (busy)
			close(take_fd(ret_fd));
		usleep(AGAIN_MS * 1000);
	}
}

static int explain_refusal(const struct message *m, const char *name, char *ret_why, size_t size)
{
	if (is_refused(m, REFUSAL_MNT))
		return fail(
			-EACCES, ret_why, size,
			"hand-over: the relay at %s is in another mount namespace (start this one "
			"in the same one, without ip netns exec, PrivateTmp= and the like, or stop "
			"that one first)",
			name);
	if (is_refused(m, REFUSAL_NET))
		return fail(
			-EACCES, ret_why, size,
			"hand-over: the relay at %s is in another network namespace (stop it first)",
			name);
	if (is_refused(m, REFUSAL_BUSY))
		return fail(-EBUSY, ret_why, size,
			    "hand-over: another start takes over from the relay at %s (try again)",
			    name);
	return fail(-EPROTO, ret_why, size,
		    "hand-over: the relay at %s is of another version (stop it first)", name);
}

static int explain(enum asked r, int err, const char *name, char *ret_why, size_t size)
{
	if (r == ASKED_STRANGER)
		return fail(-EPERM, ret_why, size,
			    "hand-over: the process at %s belongs to another user (stop it first)",
			    name);
	if (err == -EPROTO)
		return explain_refusal(&(struct message){ .type = 0 }, name, ret_why, size);
	return fail(err, ret_why, size,
		    "hand-over: the relay at %s does not give its listeners: %s (stop it first)",
		    name, err == -ETIMEDOUT ? "no answer" : strerror(-err));
}

void takeover_init(struct takeover *t)
{
	*t = (struct takeover){ .old_relay_fd = -1, .listen_fd = -1, .flows_fd = -1 };
}

int takeover_ask(const char *name, struct takeover *t, char *ret_why, size_t size)
{
	__cleanup_close int fd = -1;
	struct message m = { 0 };
	int err = 0;
	enum asked r;

	r = ask(name, &fd, &m, &err);
	if (r == ASKED_NOBODY)
		return 0;
	if (r != ASKED)
		return explain(r, err, name, ret_why, size);
	err = take_offer(&m, t);
	message_close(&m);
	if (err)
		return explain_refusal(&m, name, ret_why, size);
	t->old_relay_fd = take_fd(&fd);
	return 0;
}

/* ---- finishing ---------------------------------------------------------- */

#define IDS_AHEAD (1 << 20) /* of flows that the old relay may have begun since its offer */

/* It cannot send ids any more, nor serve: we are the relay. */
static int survive(struct takeover *t)
{
	record_say(RECORD_WARN, "hand-over: the old relay has died, serving in its place");
	t->next_id += IDS_AHEAD;
	cleanup_fd(&t->old_relay_fd);
	t->old_relay_fd = -1;
	return 0;
}

static void take_retired(struct takeover *t, struct message *m)
{
	struct retired one = { .pid = m->peer.pid, .control_fd = -1, .segment_fd = -1 };

	if (!m->fd_count)
		return;
	one.control_fd = take_fd(&m->fds[0]);
	if (m->fd_count > 1)
		one.segment_fd = take_fd(&m->fds[1]);
	retired_add(&t->retired, &one);
}

/* The connection is the control socket of the old relay from now on. */
static void take_paused(struct takeover *t, struct message *m)
{
	t->next_id = m->paused.next_id;
	retired_add(&t->retired,
		    &(struct retired){ .control_fd = take_fd(&t->old_relay_fd),
				       .segment_fd = m->fd_count ? take_fd(&m->fds[0]) : -1,
				       .pid = m->paused.pid });
}

/* Receives until PAUSED. 0, or -errno as message_receive; -ECANCELED: it was aborted. */
static int take_rest(struct takeover *t, takeover_take *take, void *arg)
{
	struct message m;

	for (;;) {
		int err = await(t->old_relay_fd, MESSAGE_FDS_MAX, &m);
		int type = err ? 0 : m.type;

		if (err)
			return err;
		if (type == MESSAGE_RETIRED)
			take_retired(t, &m);
		else if (type == MESSAGE_PAUSED)
			take_paused(t, &m);
		else if (type != MESSAGE_ABORTED)
			take(&m, arg);
		message_close(&m);
		if (type == MESSAGE_PAUSED || type == MESSAGE_ABORTED)
			return type == MESSAGE_PAUSED ? 0 : -ECANCELED;
	}
}

static bool is_dead(int err)
{
	return err == -EPIPE || err == -ECONNRESET;
}

/* The old relay could not get DONE: did it end, or does it continue? */
static int last_word(int fd)
{
	struct message m;
	int err;

	do {
		err = await(fd, MESSAGE_FDS_MAX, &m);
		if (err)
			return err;
		message_close(&m);
	} while (m.type != MESSAGE_ABORTED);
	return -ECANCELED;
}

int takeover_finish(struct takeover *t, takeover_take *take, void *arg, char *ret_why, size_t size)
{
	int control;
	int err;

	if (t->old_relay_fd < 0)
		return 0;
	err = message_send_plain(t->old_relay_fd, MESSAGE_READY);
	if (err == -EPIPE)
		err = last_word(t->old_relay_fd);
	if (!err)
		err = take_rest(t, take, arg);
	if (is_dead(err))
		return survive(t);
	if (!err) {
		control = t->retired.items[t->retired.count - 1].control_fd;
		err = message_send_plain(control, MESSAGE_DONE);
		if (err == -EPIPE)
			err = last_word(control);
	}
	/* Its control socket reports its end, as that of every retired relay. */
	if (!err || is_dead(err))
		return 0;
	return fail(err, ret_why, size, "hand-over: the old relay continues: %s (try again)",
		    err == -ECANCELED ? "this start took too long" :
		    err == -ETIMEDOUT ? "it does not answer" :
					strerror(-err));
}
