/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/reply.h"

#include <sys/epoll.h>
#include <sys/random.h>

#include "lib/util.h"
#include "relay/rawudp.h"
#include "relay/record.h"
#include "relay/sockopt.h"

#define REPLY_BUCKETS 4096
#define REPLY_IDLE_MS 10000

struct reply_table {
	struct worker *w;
	void (*ready)(struct io *io, uint32_t events);
	void *owner;
	struct rawudp *raw; /* opened when first needed */
	struct timer timer; /* of the longest idle */
	unsigned int open;  /* sockets */
	unsigned int max;
	uint32_t seed;
	TAILQ_HEAD(, reply) idle; /* the longest idle is first */
	LIST_HEAD(, reply) buckets[REPLY_BUCKETS];
};

static void reply_close(struct reply *r)
{
	struct reply_table *t = r->table;

	if (r->io.fd >= 0)
		t->open--;
	TAILQ_REMOVE(&t->idle, r, idle);
	LIST_REMOVE(r, link);
	worker_close_io(&r->io);
	worker_bury(t->w, &r->grave, r);
}

bool reply_evict(struct reply_table *t)
{
	struct reply *r = TAILQ_FIRST(&t->idle);

	if (r)
		reply_close(r);
	return r;
}

static void reply_expire(struct timer *timer)
{
	struct reply_table *t = container_of(timer, struct reply_table, timer);
	struct reply *r;

	while ((r = TAILQ_FIRST(&t->idle)) && r->idle_since + REPLY_IDLE_MS <= t->w->now)
		reply_close(r);
	if (r)
		timer_set(&t->w->wheel, timer, r->idle_since + REPLY_IDLE_MS);
}

int reply_table_open(struct worker *w, unsigned int max,
		     void (*ready)(struct io *io, uint32_t events), void *owner,
		     struct reply_table **ret_table)
{
	struct reply_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->w = w;
	t->max = max;
	t->ready = ready;
	t->owner = owner;
	t->timer.fire = reply_expire;
	TAILQ_INIT(&t->idle);
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) < 0)
		t->seed = (uint32_t)w->now;
	*ret_table = t;
	return 0;
}

void reply_table_close(struct reply_table *t)
{
	if (!t)
		return;
	while (reply_evict(t))
		;
	timer_cancel(&t->w->wheel, &t->timer);
	rawudp_close(t->raw);
	free(t);
}

void *reply_owner(const struct reply *r)
{
	return r->table->owner;
}

int reply_bind(const union saddr *addr, int device)
{
	sa_family_t family = addr->sa.sa_family;
	__cleanup_close int fd =
		socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = sockopt_device(fd, device);
	if (!err)
		err = sockopt_transparent(fd, family);
	if (!err && family == AF_INET6)
		err = sockopt_on(fd, SOL_IPV6, IPV6_V6ONLY);
	/* Other workers, flows with a socket of their own, and another relay are here too. */
	if (!err)
		err = sockopt_on(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!err)
		err = sockopt_errors(fd, family);
	if (!err && bind(fd, &addr->sa, saddr_len(addr)))
		err = -errno;
	return err ? err : take_fd(&fd);
}

static int bind_evicting(struct reply_table *t, const union saddr *addr)
{
	int device = t->w->relay->binding.in;
	int fd = t->open < t->max || reply_evict(t) ? reply_bind(addr, device) : -EMFILE;

	if ((fd == -EMFILE || fd == -ENFILE) && reply_evict(t))
		fd = reply_bind(addr, device);
	return fd;
}

static bool have_raw(struct reply_table *t)
{
	if (t->raw)
		return true;
	t->raw = rawudp_new(t->w->relay->binding.in);
	if (!t->raw)
		return false;
	record_say(RECORD_DEBUG, "udp: answering from ports that cannot be bound by raw sockets");
	return true;
}

/*
 * EADDRINUSE: a daemon on this host has the port on all addresses, and does not
 * share it. EACCES: the port is below 1024 and we are without CAP_NET_BIND_SERVICE.
 * Anything else may be better the next time.
 */
static void reply_open_socket(struct reply *r)
{
	struct reply_table *t = r->table;
	int fd = bind_evicting(t, &r->addr);

	r->raw = fd == -EADDRINUSE || fd == -EACCES;
	if (fd < 0)
		return;
	r->io.fd = fd;
	if (worker_watch(t->w, &r->io, EPOLLIN))
		worker_close_io(&r->io);
	else
		t->open++;
}

int reply_get(struct reply_table *t, const union saddr *addr, struct reply **ret_reply)
{
	uint32_t bucket = saddr_hash(addr, t->seed) % REPLY_BUCKETS;
	struct reply *r;

	LIST_FOREACH(r, &t->buckets[bucket], link)
		if (saddr_equal(&r->addr, addr))
			break;
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return -ENOMEM;
		r->table = t;
		r->addr = *addr;
		r->io = (struct io){ .fd = -1, .ready = t->ready };
		LIST_INSERT_HEAD(&t->buckets[bucket], r, link);
	} else if (!r->users) {
		TAILQ_REMOVE(&t->idle, r, idle);
	}
	r->users++;
	*ret_reply = r;
	return 0;
}

void reply_put(struct reply *r)
{
	struct reply_table *t = r->table;

	if (--r->users)
		return;
	TAILQ_INSERT_TAIL(&t->idle, r, idle);
	r->idle_since = t->w->now;
	if (r->io.fd < 0)
		reply_close(r);
	else if (!t->timer.armed)
		timer_set(&t->w->wheel, &t->timer, t->w->now + REPLY_IDLE_MS);
}

static void send_raw(struct reply *r, const union saddr *client, struct udp_train *train)
{
	const struct iovec *one;

	if (!have_raw(r->table)) {
		while (udp_train_next(train))
			udp_train_skip(train);
		return;
	}
	while ((one = udp_train_next(train))) {
		if (rawudp_send(r->table->raw, &r->addr, client, one->iov_base, one->iov_len))
			udp_train_skip(train);
		else
			udp_train_pass(train);
	}
}

void reply_send(struct reply *r, const union saddr *client, struct udp_train *train,
		uint32_t *gso_limit)
{
	struct udp_way way = { .to = client, .gso_limit = gso_limit };
	unsigned int tries = 0;

	if (r->io.fd < 0 && !r->raw)
		reply_open_socket(r);
	way.fd = r->io.fd;
	if (way.fd < 0)
		send_raw(r, client, train);
	else /* the first error may be that of an earlier answer, to anybody */
		while (udp_train_send(train, &way))
			if (tries++)
				udp_train_skip(train);
}
