/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/conn_state.h"

#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/admit/admit.h"
#include "relay/net/sockopt.h"
#include "relay/upstream/upstream.h"

static void connect_failed(struct conn *c, int err)
{
	enum flow_end end = err == ETIMEDOUT     ? END_CONNECT_TIMEOUT :
			    worker_is_short(err) ? END_LIMIT :
						   END_CONNECT_FAILED;

	if (end == END_LIMIT)
		c->w->stats.limited++;
	conn_finish(c, end, err, RESET_CLIENT);
}

/* False: it goes on, or the connection is over. */
static bool handshake_done(struct conn *c)
{
	enum handshake_result r =
		c->handshake ? handshake_run(c->handshake, c->server.io.fd) : HANDSHAKE_DONE;

	if (c->reason)
		c->reason = "proxy-answer";
	if (r == HANDSHAKE_FAILED)
		connect_failed(c, handshake_error(c->handshake));
	if (r != HANDSHAKE_DONE)
		return false;
	handshake_free(c->handshake);
	c->handshake = NULL;
	return true;
}

void conn_connect_event(struct conn *c, struct side *side, uint32_t events)
{
	const struct options *o = c->w->relay->options;
	int err = events & (EPOLLERR | EPOLLHUP) ? sockopt_error(side->io.fd) : 0;

	if (side == &c->client) {
		/* Bytes and FIN wait until there is somebody to pass them to. */
		if (events & (EPOLLERR | EPOLLHUP))
			conn_broken(c, side, err ? err : ECONNRESET);
		return;
	}
	if (err) {
		connect_failed(c, err);
		return;
	}
	if (!side->writable || !handshake_done(c))
		return;
	arrival_unwatch(c->client.io.fd, c->client_addr.sa.sa_family);
	/* Not before: SYNs have a time-out of their own. */
	sockopt_user_timeout(c->client.io.fd, o->user_timeout);
	sockopt_user_timeout(c->server.io.fd, o->user_timeout);
	conn_begin(c);
}

static int prepare_handshake(struct conn *c, const union saddr *to)
{
	const struct options *o = c->w->relay->options;
	const struct handshake_want want = { .proxy = &o->proxy,
					     .proxy_protocol = o->proxy_protocol,
					     .client = &c->client_addr,
					     .dst = to };

	return handshake_new(&want, &c->handshake);
}

static int conn_connect(struct conn *c)
{
	const struct options *o = c->w->relay->options;
	const uint32_t events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
	const bool proxied = o->proxy.kind != PROXY_NONE;
	const struct flow_record record = conn_record(c);
	const union saddr *to = flow_goes_to(&record);
	struct upstream up;
	/* As a router does; a proxy is a hop of its own kind, which a loop does not pass. */
	const uint8_t ttl = proxied || !c->arrival.ttl ? 0 : (uint8_t)(c->arrival.ttl - 1);
	struct upstream_want want = { .type = SOCK_STREAM,
				      .mode = o->source,
				      .client = &c->client_addr,
				      .dst = proxied ? &o->proxy.addr : to,
				      .egress = &c->w->egress,
				      .ttl = ttl,
				      .tos = c->arrival.dscp };
	int err = c->handshake ? 0 : prepare_handshake(c, to);

	if (!err)
		err = upstream_open(&want, &up);
	c->reason = proxied ? "proxy-connect" : NULL;
	if (err)
		return err;
	c->server.io.fd = up.fd;
	c->source = up.source;
	looplog_note(c->w->relay->loops, &(struct looplog_flow){ &up.source, want.dst, ttl },
		     &c->client_addr, c->w->now);
	/*
	 * The server's own would be better, but the kernel keeps none of a socket that connects.
	 * Best effort: answers arrive with another DSCP, too.
	 */
	sockopt_tos(c->client.io.fd, c->client_addr.sa.sa_family, c->arrival.dscp);
	sockopt_pace(c->client.io.fd, c->w->settings->limits.bandwidth);
	sockopt_pace(c->server.io.fd, c->w->settings->limits.bandwidth);
	if (up.fell_back)
		c->w->stats.port_fallbacks++;
	err = worker_watch(c->w, &c->server.io, events);
	if (!err)
		err = worker_watch(c->w, &c->client.io, events);
	conn_set_timer(c, o->connect_timeout);
	return err;
}

/* Ends a connection that never got a state. */
static void conn_reject(struct worker *w, int fd, struct flow_record *record)
{
	record->id = worker_new_id(w);
	record->proto = IPPROTO_TCP;
	sockopt_reset_on_close(fd);
	close(fd);
	record_flow_end(record);
}

void conn_shed(struct worker *w, int fd, const union saddr *client, int err)
{
	struct flow_record record = { .client = *client, .end = END_LIMIT, .err = err };
	socklen_t len = sizeof(record.dst);

	w->stats.limited++;
	if (getsockname(fd, &record.dst.sa, &len))
		memset(&record.dst, 0, sizeof(record.dst));
	conn_reject(w, fd, &record);
}

/* False: the way of a packet with this TTL ends here. tc leaves such SYNs to the kernel. */
static bool admit_ttl(struct worker *w, const struct arrival *arrival, struct flow_record *record)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	if (!arrival->ttl && !atomic_flag_test_and_set(&said))
		record_say(RECORD_DEBUG, "TTLs of handshakes cannot be read: onward connections "
					 "have the default");
	if (arrival->ttl != 1)
		return true;
	record->end = END_REFUSED;
	record->reason = "ttl";
	w->stats.refused++;
	return false;
}

static void note_loop(struct worker *w, const struct arrival *arrival, struct flow_record *record)
{
	const struct looplog_flow flow = { &record->client, &record->dst, arrival->ttl };

	record->loop = looplog_seen(w->relay->loops, &flow, w->now);
	if (record->loop)
		looplog_warn(w->relay->loops, &flow, w->now);
}

void conn_open(struct worker *w, int fd, const union saddr *client)
{
	struct flow_record record = { .client = *client, .proto = IPPROTO_TCP };
	struct arrival arrival = arrival_read(fd, client->sa.sa_family);
	struct limits_ticket ticket;
	socklen_t len = sizeof(record.dst);
	struct conn *c;
	int err;

	w->stats.tcp_flows++;
	/* Never SO_ORIGINAL_DST: a stale conntrack entry would lie about a transparent socket. */
	if (getsockname(fd, &record.dst.sa, &len)) {
		conn_shed(w, fd, client, errno);
		return;
	}
	note_loop(w, &arrival, &record);
	if (!admit_ttl(w, &arrival, &record) || !admit_flow(w, &record, &ticket)) {
		conn_reject(w, fd, &record);
		return;
	}
	c = conn_new(w, fd, &record);
	if (!c) {
		admit_release(w, &ticket);
		conn_shed(w, fd, client, ENOMEM);
		return;
	}
	c->arrival = arrival;
	c->ticket = ticket;
	err = conn_connect(c);
	if (err == -EMFILE && conn_evict(w))
		err = conn_connect(c);
	if (err) {
		connect_failed(c, -err);
		return;
	}
	record = conn_record(c);
	record_flow_start(&record);
}
