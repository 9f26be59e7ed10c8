/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/callers.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "lib/rundir.h"
#include "lib/util.h"

#define HELLO_MS 2000
#define BACKLOG 8
#define ACCEPTS_PER_S 32
#define REFUSALS_PER_MINUTE 3

void callers_init(struct callers *c)
{
	*c = (struct callers){ .epoll = -1,
			       .listen_fd = -1,
			       .uid = geteuid(),
			       .refusals = { .what = "refused hand-overs",
					     .max = REFUSALS_PER_MINUTE,
					     .window_ms = 60000 } };
	for (int i = 0; i < CALLERS_MAX; i++)
		c->waiting[i].fd = -1;
}

static int watch(const struct callers *c, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* Others may hold the same socket, so closing does not take it out. */
static void unwatch(const struct callers *c, int fd)
{
	epoll_ctl(c->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int callers_open(struct callers *c, const char *name, int listen_fd, int epoll)
{
	__cleanup_close int fd = listen_fd;
	int err;

	callers_init(c);
	c->epoll = epoll;
	err = namespaces_read(&c->own);
	if (!err && fd < 0)
		fd = rundir_listen(name, RUNDIR_ROOT);
	if (err || fd < 0)
		return err ? err : take_fd(&fd);
	/* Also for an inherited one: peers see the credentials of the latest caller of listen. */
	if (listen(fd, BACKLOG))
		return -errno;
	err = watch(c, fd);
	if (!err)
		c->listen_fd = take_fd(&fd);
	return err;
}

bool callers_have(const struct callers *c, int fd)
{
	for (int i = 0; i < CALLERS_MAX; i++)
		if (c->waiting[i].fd == fd)
			return true;
	return fd == c->listen_fd;
}

/* ---- those who are refused ---------------------------------------------- */

static bool may_log(struct callers *c)
{
	return record_limit_take(&c->refusals, monotonic_ms());
}

static bool trusted_user(struct callers *c, int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	if (peer.uid == 0 || peer.uid == c->uid)
		return true;
	if (may_log(c))
		record_say(
			RECORD_WARN,
			"hand-over: refused: process %d of user %u asked, neither root nor our user",
			(int)peer.pid, peer.uid);
	return false;
}

static void log_refusal(struct callers *c, int fd, enum refusal_cause cause)
{
	static const char *const causes[] = { [REFUSAL_VERSION] = "it is of another version",
					      [REFUSAL_MNT] = "it is in another mount namespace",
					      [REFUSAL_NET] = "it is in another network namespace",
					      [REFUSAL_BUSY] = "another one takes over" };
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	if (may_log(c))
		record_say(RECORD_WARN, "hand-over: refused: process %d asked, but %s",
			   (int)peer.pid, causes[cause]);
}

void callers_refuse(int fd, enum refusal_cause cause)
{
	struct refusal refusal = { .cause = cause };

	message_send(fd, &(struct message_out){ .type = MESSAGE_REFUSED,
						.body = &refusal,
						.size = sizeof(refusal) });
}

/* ---- new connections ---------------------------------------------------- */

static void drop(struct callers *c, struct caller *one)
{
	unwatch(c, one->fd);
	cleanup_fd(&one->fd);
	one->fd = -1;
}

/* A free place, or that of the one that has waited for longest. */
static struct caller *place_for_one(struct callers *c)
{
	struct caller *oldest = &c->waiting[0];

	for (int i = 0; i < CALLERS_MAX; i++) {
		if (c->waiting[i].fd < 0)
			return &c->waiting[i];
		if (c->waiting[i].deadline < oldest->deadline)
			oldest = &c->waiting[i];
	}
	drop(c, oldest);
	return oldest;
}

/* Bounds the time that somebody who connects again and again costs. */
static bool within_rate(struct callers *c, uint64_t now)
{
	if (now - c->second >= 1000) {
		c->second = now;
		c->accepted = 0;
	}
	if (++c->accepted <= ACCEPTS_PER_S)
		return true;
	c->resting = true;
	unwatch(c, c->listen_fd);
	return false;
}

static void accept_one(struct callers *c)
{
	uint64_t now = monotonic_ms();
	__cleanup_close int fd = -1;
	struct caller *place;

	if (!within_rate(c, now))
		return;
	fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 || !trusted_user(c, fd))
		return;
	place = place_for_one(c);
	if (!watch(c, fd))
		*place = (struct caller){ .fd = take_fd(&fd), .deadline = now + HELLO_MS };
}

/* ---- what they say ------------------------------------------------------ */

static bool is_hello(const struct message *m)
{
	return m->type == MESSAGE_HELLO && m->fd_count == NAMESPACE_MAX;
}

/* 0: it may have the listeners. -EACCES: it has got its answer. */
static int judge(struct callers *c, int fd, const struct message *m)
{
	enum namespace_kind other;
	enum refusal_cause cause;

	other = is_hello(m) ? namespaces_compare(&c->own, m->fds) : NAMESPACE_MAX;
	if (is_hello(m) && other == NAMESPACE_MAX)
		return 0;
	cause = !is_hello(m) ? REFUSAL_VERSION : other == NAMESPACE_MNT ? REFUSAL_MNT : REFUSAL_NET;
	log_refusal(c, fd, cause);
	callers_refuse(fd, cause);
	return -EACCES;
}

static int hear(struct callers *c, struct caller *one)
{
	struct message m;
	int err = message_receive(one->fd, NAMESPACE_MAX, &m);

	if (err == -EAGAIN)
		return err;
	if (err == -EPROTO || err == -EMFILE)
		m.type = 0; /* nothing that we know */
	if (!err || err == -EPROTO || err == -EMFILE)
		err = judge(c, one->fd, &m);
	message_close(&m);
	unwatch(c, one->fd);
	if (!err)
		return take_fd(&one->fd);
	drop(c, one);
	return -EAGAIN;
}

int callers_ready(struct callers *c, int fd)
{
	if (fd == c->listen_fd) {
		accept_one(c);
		return -EAGAIN;
	}
	for (int i = 0; i < CALLERS_MAX; i++)
		if (c->waiting[i].fd == fd)
			return hear(c, &c->waiting[i]);
	return -EAGAIN;
}

/* ---- time --------------------------------------------------------------- */

void callers_expire(struct callers *c, uint64_t now)
{
	for (int i = 0; i < CALLERS_MAX; i++)
		if (c->waiting[i].fd >= 0 && c->waiting[i].deadline <= now)
			drop(c, &c->waiting[i]);
	if (c->resting && now - c->second >= 1000) {
		c->resting = false;
		watch(c, c->listen_fd);
	}
}

uint64_t callers_due(const struct callers *c)
{
	uint64_t due = c->resting ? c->second + 1000 : UINT64_MAX;

	for (int i = 0; i < CALLERS_MAX; i++)
		if (c->waiting[i].fd >= 0 && c->waiting[i].deadline < due)
			due = c->waiting[i].deadline;
	return due;
}

void callers_close(struct callers *c)
{
	for (int i = 0; i < CALLERS_MAX; i++)
		if (c->waiting[i].fd >= 0)
			drop(c, &c->waiting[i]);
	if (c->listen_fd >= 0)
		unwatch(c, c->listen_fd);
	cleanup_fd(&c->listen_fd);
	c->listen_fd = -1;
	c->resting = false;
}
