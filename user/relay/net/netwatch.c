/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/netwatch.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "lib/util.h"

#define ADDRESSES_EVERY_MS 100
#define ROUTES_EVERY_MS 1000
#define RETRY_MS 1000

/* Messages of routes are not read one by one, so a small buffer is enough. */
#define ROUTES_RCVBUF 4096

struct shared_set {
	struct local_set set; /* first: netwatch_release gets its address */
	_Atomic unsigned int refs;
};

struct netwatch {
	pthread_t thread;
	bool started;
	int stop; /* eventfd */
	int routes;
	struct local_reader reader;
	uint64_t addresses_due; /* ms: not to be read before */
	uint64_t routes_due;
	bool unread; /* addresses could not be read */
	void (*changed)(void *arg, int err);
	void *arg;
	_Atomic uint32_t changes;
	pthread_mutex_t lock;
	struct shared_set *now; /* under the lock */
};

/* ---- any thread --------------------------------------------------------- */

uint32_t netwatch_changes(struct netwatch *w)
{
	return atomic_load(&w->changes);
}

const struct local_set *netwatch_local(struct netwatch *w)
{
	struct shared_set *shared;

	pthread_mutex_lock(&w->lock);
	shared = w->now;
	atomic_fetch_add(&shared->refs, 1);
	pthread_mutex_unlock(&w->lock);
	return &shared->set;
}

void netwatch_release(const struct local_set *set)
{
	struct shared_set *shared = (struct shared_set *)set;

	if (!shared || atomic_fetch_sub(&shared->refs, 1) > 1)
		return;
	local_free(&shared->set);
	free(shared);
}

/* ---- the thread --------------------------------------------------------- */

static int publish_addresses(struct netwatch *w)
{
	struct shared_set *fresh = calloc(1, sizeof(*fresh)), *old;
	int err = fresh ? local_read(&w->reader, &fresh->set) : -ENOMEM;

	if (err) {
		free(fresh);
		return err;
	}
	fresh->refs = 1;
	pthread_mutex_lock(&w->lock);
	old = w->now;
	w->now = fresh;
	pthread_mutex_unlock(&w->lock);
	netwatch_release(old ? &old->set : NULL);
	return 0;
}

static void discard(int fd)
{
	char buf[8192];

	while (recv(fd, buf, sizeof(buf), 0) >= 0 || errno == ENOBUFS || errno == EINTR)
		;
}

/* The kernel reports a change once: what cannot be read now is read later. */
static void take_addresses(struct netwatch *w)
{
	bool again = w->unread;
	int err = publish_addresses(w);

	w->unread = err;
	w->addresses_due = monotonic_ms() + (err ? RETRY_MS : ADDRESSES_EVERY_MS);
	if (!err)
		atomic_fetch_add(&w->changes, 1);
	if (!err || !again)
		w->changed(w->arg, err);
}

static void take_routes(struct netwatch *w)
{
	discard(w->routes);
	w->routes_due = monotonic_ms() + ROUTES_EVERY_MS;
	atomic_fetch_add(&w->changes, 1);
	w->changed(w->arg, 0);
}

/* Until a source may be read; -1: all may be. */
static int wait_ms(const struct netwatch *w, uint64_t now)
{
	uint64_t due = UINT64_MAX;

	if (w->addresses_due > now)
		due = w->addresses_due;
	if (w->routes_due > now && w->routes_due < due)
		due = w->routes_due;
	return due == UINT64_MAX ? -1 : (int)(due - now);
}

static void *watch_run(void *arg)
{
	struct netwatch *w = arg;

	for (;;) {
		uint64_t now = monotonic_ms();
		bool addresses = w->addresses_due <= now, routes = w->routes_due <= now;
		struct pollfd fds[] = {
			{ .fd = w->stop, .events = POLLIN },
			{ .fd = addresses ? w->reader.events : -1, .events = POLLIN },
			{ .fd = routes ? w->routes : -1, .events = POLLIN },
		};
		int timeout = addresses && w->unread ? 0 : wait_ms(w, now);

		if (poll(fds, ARRAY_SIZE(fds), timeout) < 0)
			continue;
		if (fds[0].revents)
			return NULL;
		if (fds[1].revents || (addresses && w->unread))
			take_addresses(w);
		if (fds[2].revents)
			take_routes(w);
	}
}

/* ---- open, start, close ------------------------------------------------- */

/* A link that goes down takes its IPv4 routes along without a message for each. */
static int subscribe_routes(void)
{
	static const int groups[] = { RTNLGRP_LINK,      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
				      RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP };
	const struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	const int size = ROUTES_RCVBUF;
	__cleanup_close int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	/* Best effort: a kernel may lack one of them. */
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i]));
	return take_fd(&fd);
}

int netwatch_open(struct netwatch **ret_watch)
{
	struct netwatch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->stop = w->routes = w->reader.events = -1;
	pthread_mutex_init(&w->lock, NULL);
	err = local_reader_open(&w->reader);
	if (!err)
		err = publish_addresses(w);
	if (!err) {
		w->routes = subscribe_routes();
		w->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		err = w->routes < 0 ? w->routes : w->stop < 0 ? -errno : 0;
	}
	if (err)
		netwatch_close(w);
	else
		*ret_watch = w;
	return err;
}

int netwatch_start(struct netwatch *w, void (*changed)(void *arg, int err), void *arg)
{
	int err;

	w->changed = changed;
	w->arg = arg;
	err = -pthread_create(&w->thread, NULL, watch_run, w);
	w->started = !err;
	return err;
}

void netwatch_close(struct netwatch *w)
{
	if (!w)
		return;
	if (w->started) {
		eventfd_write(w->stop, 1);
		pthread_join(w->thread, NULL);
	}
	netwatch_release(w->now ? &w->now->set : NULL);
	local_reader_close(&w->reader);
	cleanup_fd(&w->routes);
	cleanup_fd(&w->stop);
	free(w);
}
