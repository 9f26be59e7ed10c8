/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/udp/reply.h"

#include <arpa/inet.h>
#include <sys/random.h>

#include "lib/util.h"
#include "relay/log/record.h"
#include "relay/net/errqueue.h"
#include "relay/net/rawudp.h"
#include "relay/net/sockopt.h"

#define REPLY_BUCKETS 4096
#define REPLY_IDLE_MS 10000
#define SEND_TRIES 8 /* of one datagram */

struct reply_table {
	struct engine_context *ctx;
	struct worker *w;
	struct rawudp *raw; /* opened when first needed */
	struct timer timer; /* of the longest idle */
	struct budget_share *descriptors;
	unsigned int open; /* sockets */
	uint32_t seed;
	TAILQ_HEAD(, reply) idle; /* the longest idle is first */
	LIST_HEAD(, reply) buckets[REPLY_BUCKETS];
};

static void reply_close(struct reply *r)
{
	struct reply_table *t = r->table;

	if (r->fd >= 0) {
		t->open--;
		budget_return(t->descriptors, 1);
	}
	cleanup_fd(&r->fd);
	TAILQ_REMOVE(&t->idle, r, idle);
	LIST_REMOVE(r, link);
	free(r);
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

int reply_table_open(struct engine_context *ctx, struct budget_share *descriptors,
		     struct reply_table **ret_table)
{
	struct reply_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->ctx = ctx;
	t->w = &ctx->worker;
	t->descriptors = descriptors;
	t->timer.fire = reply_expire;
	TAILQ_INIT(&t->idle);
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) < 0)
		t->seed = (uint32_t)t->w->now;
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

/*
 * An address that no datagram reaches: the kernel drops what arrives on a device for 127.0.0.0/8
 * (ip_route_input_slow), and 100::/64 is routed nowhere (RFC 6666). ICMP errors do reach it: the
 * kernel finds their socket by what they quote, even if nothing of the kind was sent.
 */
static union saddr unreachable_address(const union saddr *addr)
{
	union saddr local = { .sa.sa_family = addr->sa.sa_family };

	if (local.sa.sa_family == AF_INET)
		local.v4.sin_addr.s_addr = htonl(0x7f530001);
	else
		local.v6.sin6_addr = (struct in6_addr){ { { [0] = 0x01, [15] = 0x53 } } };
	saddr_set_port(&local, saddr_port(addr));
	return local;
}

/* device: to bind to, or 0. The descriptor or -errno. */
static int reply_bind(const union saddr *local, int device)
{
	sa_family_t family = local->sa.sa_family;
	__cleanup_close int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = sockopt_deafen(fd);
	if (!err)
		err = sockopt_device(fd, device);
	if (!err)
		err = sockopt_transparent(fd, family);
	if (!err && family == AF_INET6)
		err = sockopt_on(fd, SOL_IPV6, IPV6_V6ONLY);
	/* For the MTU of a path. */
	if (!err)
		err = sockopt_errors(fd, family);
	/* Other workers, and another relay, are bound to it, too. */
	if (!err)
		err = sockopt_on(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!err && bind(fd, &local->sa, saddr_len(local)))
		err = -errno;
	return err ? err : take_fd(&fd);
}

/* False: all that are allowed are in use. */
static bool take_descriptor(struct reply_table *t)
{
	do {
		if (t->open < t->descriptors->budget->caps.replies &&
		    budget_take(t->descriptors, 1, false))
			return true;
	} while (reply_evict(t));
	return false;
}

static int bind_evicting(struct reply_table *t, const union saddr *local)
{
	int device = t->ctx->relay->binding.in;
	int fd;

	if (!take_descriptor(t))
		return -EMFILE;
	fd = reply_bind(local, device);
	if ((fd == -EMFILE || fd == -ENFILE) && reply_evict(t))
		fd = reply_bind(local, device);
	if (fd < 0)
		budget_return(t->descriptors, 1);
	return fd;
}

static bool open_raw(struct reply_table *t)
{
	if (t->raw)
		return true;
	t->raw = rawudp_new(t->ctx->relay->binding.in);
	if (!t->raw)
		return false;
	record_say(RECORD_DEBUG, "udp: a raw socket sends answers from ports that cannot be bound");
	return true;
}

/*
 * EADDRINUSE: a daemon on this host has the port on all addresses, and does not share it. EACCES:
 * the port is below 1024, and CAP_NET_BIND_SERVICE is missing. After other errors the next try may
 * succeed.
 */
static void reply_open_socket(struct reply *r)
{
	int fd = bind_evicting(r->table, &r->local);

	r->raw = fd == -EADDRINUSE || fd == -EACCES;
	if (fd < 0)
		return;
	r->fd = fd;
	r->table->open++;
}

int reply_get(struct reply_table *t, const union saddr *addr, struct reply **ret_reply)
{
	union saddr local = unreachable_address(addr);
	uint32_t bucket = saddr_hash(&local, t->seed) % REPLY_BUCKETS;
	struct reply *r;

	LIST_FOREACH(r, &t->buckets[bucket], link)
		if (saddr_equal(&r->local, &local))
			break;
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return -ENOMEM;
		r->table = t;
		r->local = local;
		r->fd = -1;
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
	if (r->fd < 0)
		reply_close(r);
	else if (!t->timer.armed)
		timer_set(&t->w->wheel, &t->timer, t->w->now + REPLY_IDLE_MS);
}

uint32_t reply_send_raw(struct reply_table *t, const struct reply_way *way, struct train *train)
{
	struct rawudp_way raw = { way->from, way->client, &train->fields };
	const struct iovec *one;

	if (!open_raw(t)) {
		while (train_next(train))
			train_skip(train);
		return 0;
	}
	while ((one = train_next(train))) {
		int err = rawudp_send(t->raw, &raw, one->iov_base, one->iov_len);
		uint32_t mtu = err == -EMSGSIZE ? rawudp_mtu(t->raw, &raw) : 0;

		if (mtu)
			return mtu;
		if (err)
			train_skip(train);
		else
			train_pass(train);
	}
	return 0;
}

/* Sets what differs from the previous flow of this socket. */
static void set_socket(struct reply *r, const struct reply_way *way, const struct train *train)
{
	sa_family_t family = r->local.sa.sa_family;
	uint32_t mtu = family == AF_INET6 ? way->mtu : 0;

	ip_fields_set_df(r->fd, family, &r->df, train->fields.df);
	/* The kernel notes the MTU of a path only for sockets that have the address. */
	if (r->mtu != mtu && !sockopt_int(r->fd, SOL_IPV6, IPV6_MTU, (int)mtu))
		r->mtu = mtu;
}

/*
 * Sends or skips all of the train: 0; or stops with the MTU of the path. A forged ICMP error makes
 * one send fail (sock_error), so each is tried again.
 */
static uint32_t send_bound(struct reply *r, const struct train_way *way, struct train *train)
{
	unsigned int tries = 0, done = train->done;
	int err;

	while ((err = train_send(train, way))) {
		uint32_t mtu = errqueue_mtu(r->fd);

		if (err == -EMSGSIZE && mtu)
			return mtu;
		/* SOCK_DESTROY; __udp_disconnect unbinds it from its device. */
		if (err == -ECONNABORTED)
			sockopt_device(r->fd, r->table->ctx->relay->binding.in);
		if (train->done > done)
			tries = 0;
		if (++tries >= SEND_TRIES)
			train_skip(train);
		done = train->done;
	}
	return 0;
}

uint32_t reply_send(struct reply *r, const struct reply_way *way, struct train *train)
{
	struct train_way shared = { .to = way->client,
				    .from = way->from,
				    .gso_limit = way->gso_limit };

	if (r->fd < 0 && !r->raw)
		reply_open_socket(r);
	if (r->fd < 0)
		return reply_send_raw(r->table, way, train);
	shared.fd = r->fd;
	set_socket(r, way, train);
	return send_bound(r, &shared, train);
}
