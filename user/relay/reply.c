/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/reply.h"

#include <sys/epoll.h>
#include <sys/random.h>

#include "lib/util.h"
#include "relay/rawudp.h"
#include "relay/record.h"
#include "relay/sockopt.h"

#define REPLY_BUCKETS 4096

struct reply_table {
	struct worker *w;
	void (*ready)(struct io *io, uint32_t events);
	void *owner;
	struct rawudp *raw; /* opened when first needed */
	uint32_t seed;
	LIST_HEAD(, reply) buckets[REPLY_BUCKETS];
};

int reply_table_open(struct worker *w, void (*ready)(struct io *io, uint32_t events), void *owner,
		     struct reply_table **ret_table)
{
	struct reply_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->w = w;
	t->ready = ready;
	t->owner = owner;
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) < 0)
		t->seed = (uint32_t)w->now;
	*ret_table = t;
	return 0;
}

void reply_table_close(struct reply_table *t)
{
	if (!t)
		return;
	rawudp_close(t->raw);
	free(t);
}

void *reply_owner(const struct reply *r)
{
	return r->table->owner;
}

static int reply_bind(const union saddr *addr)
{
	sa_family_t family = addr->sa.sa_family;
	__cleanup_close int fd =
		socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = sockopt_transparent(fd, family);
	if (!err && family == AF_INET6)
		err = sockopt_on(fd, SOL_IPV6, IPV6_V6ONLY);
	/* Other workers, and another relay, answer from the same address. */
	if (!err)
		err = sockopt_on(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!err && bind(fd, &addr->sa, saddr_len(addr)))
		err = -errno;
	return err ? err : take_fd(&fd);
}

/*
 * EADDRINUSE: a daemon on this host has the port on all addresses, and does not
 * share it. EACCES: the port is below 1024; CAP_NET_BIND_SERVICE would open it,
 * but with CAP_NET_RAW at hand nothing more is needed.
 */
static bool needs_raw(int err)
{
	return err == -EADDRINUSE || err == -EACCES;
}

static int reply_open_raw(struct reply_table *t)
{
	int err;

	if (t->raw)
		return 0;
	err = rawudp_open(&t->raw);
	if (!err)
		record_say(RECORD_DEBUG,
			   "udp: answering from taken or low ports through raw sockets");
	return err;
}

static int reply_new(struct reply_table *t, const union saddr *addr, struct reply **ret_reply)
{
	__cleanup_free struct reply *r = calloc(1, sizeof(*r));
	int err = 0;

	if (!r)
		return -ENOMEM;
	r->table = t;
	r->addr = *addr;
	r->io = (struct io){ .fd = reply_bind(addr), .ready = t->ready };
	if (needs_raw(r->io.fd))
		err = reply_open_raw(t);
	else
		err = r->io.fd < 0 ? r->io.fd : worker_watch(t->w, &r->io, EPOLLIN);
	if (err) {
		worker_close_io(&r->io);
		return err;
	}
	*ret_reply = take_ptr(r);
	return 0;
}

int reply_get(struct reply_table *t, const union saddr *addr, struct reply **ret_reply)
{
	uint32_t bucket = saddr_hash(addr, t->seed) % REPLY_BUCKETS;
	struct reply *r;
	int err = 0;

	LIST_FOREACH(r, &t->buckets[bucket], link)
		if (saddr_equal(&r->addr, addr))
			break;
	if (!r) {
		err = reply_new(t, addr, &r);
		if (err)
			return err;
		LIST_INSERT_HEAD(&t->buckets[bucket], r, link);
	}
	r->users++;
	*ret_reply = r;
	return 0;
}

void reply_put(struct reply *r)
{
	if (--r->users)
		return;
	LIST_REMOVE(r, link);
	worker_close_io(&r->io);
	worker_bury(r->table->w, &r->grave, r);
}

int reply_send(const struct reply *r, const union saddr *client, const void *data, size_t len)
{
	if (r->io.fd < 0)
		return rawudp_send(r->table->raw, &r->addr, client, data, len);
	if (sendto(r->io.fd, data, len, MSG_NOSIGNAL, &client->sa, saddr_len(client)) < 0)
		return -errno;
	return 0;
}
