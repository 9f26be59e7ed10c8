/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/conn_open.h"

#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/admit/admit.h"
#include "relay/config/options.h"
#include "relay/config/settings.h"
#include "relay/log/looplog.h"
#include "relay/log/record.h"
#include "relay/net/sockopt.h"
#include "relay/upstream/own_source.h"
#include "relay/upstream/upstream.h"

#define EVICT_IDLE_MS 2000 /* an equal client's connection goes only if it was idle for longer */
#define EVICT_TRIES 4      /* another thread may take what became free */

/* ---- room --------------------------------------------------------------- */

void conn_warn_short(struct conns *all, const char *what, int err)
{
	if (record_limit_take(&all->warnings, all->ctx->worker.now))
		record_say(RECORD_WARN,
			   "accepting: %s: %s (check the limits of open files and memory)", what,
			   strerror(err));
}

/*
 * Resets one connection so that this client finds descriptors. False: he has the most and all of
 * his were busy in the last seconds, or nobody has more than one and all were.
 */
static bool room_make(struct conns *all, const struct lane *lane)
{
	bool must;
	struct flow_link *flow = lanes_victim(all->ctx->lanes, LANE_TCP, lane, &must);
	struct conn *c = flow ? container_of(flow, struct conn, flow) : NULL;

	if (!c || (!must && c->w->now - c->last < EVICT_IDLE_MS))
		return false;
	all->ctx->stats.limited++;
	conn_finish(c, END_EVICTED, 0, RESET_BOTH);
	return true;
}

/* Takes the descriptors of a connection; budget_return gives them back. */
static bool room_take(struct conns *all, const struct lane *lane)
{
	bool few = lane_count(lane, LANE_TCP) < BUDGET_FEW_FLOWS;

	for (int i = 0; i < EVICT_TRIES; i++) {
		if (budget_take(&all->descriptors, CONN_DESCRIPTORS, few))
			return true;
		conn_warn_short(all, "resetting connections of the clients that have the most",
				EMFILE);
		if (!room_make(all, lane))
			return false;
	}
	return false;
}

/* ---- connecting --------------------------------------------------------- */

static void connect_failed(struct conn *c, int err)
{
	enum flow_end end = err == ETIMEDOUT     ? END_CONNECT_TIMEOUT :
			    worker_is_short(err) ? END_LIMIT :
						   END_CONNECT_FAILED;

	if (end == END_LIMIT)
		c->all->ctx->stats.limited++;
	conn_finish(c, end, err, RESET_CLIENT);
}

/* False: it takes longer, or the connection is over. */
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

static void client_ready(struct io *io, uint32_t events)
{
	struct conn *c = container_of(io, struct conn, client.io);
	int err;

	conn_note_edge(c, &c->client, events);
	/* Bytes and FIN wait until there is a server to pass them to. */
	if (!(events & (EPOLLERR | EPOLLHUP)))
		return;
	err = sockopt_error(io->fd);
	conn_broken(c, &c->client, err ? err : ECONNRESET);
}

static void server_ready(struct io *io, uint32_t events)
{
	struct conn *c = container_of(io, struct conn, server.io);
	const struct options *o = c->all->ctx->relay->options;
	int err = events & (EPOLLERR | EPOLLHUP) ? sockopt_error(io->fd) : 0;
	struct flow_record record;

	conn_note_edge(c, &c->server, events);
	if (err) {
		connect_failed(c, err);
		return;
	}
	if (!c->server.writable || !handshake_done(c))
		return;
	arrival_unwatch(c->client.io.fd, c->client_addr.sa.sa_family);
	/* Not earlier: SYNs have a time-out of their own. */
	sockopt_user_timeout(c->client.io.fd, o->user_timeout);
	sockopt_user_timeout(io->fd, o->user_timeout);
	record = conn_record(c);
	record_flow_start(&record);
	conn_begin(c);
}

static void connect_expired(struct timer *timer)
{
	conn_finish(container_of(timer, struct conn, timer), END_CONNECT_TIMEOUT, ETIMEDOUT,
		    RESET_BOTH);
}

static int prepare_handshake(struct conn *c, const union saddr *to)
{
	const struct options *o = c->all->ctx->relay->options;
	const struct handshake_want want = { .proxy = &o->proxy,
					     .proxy_protocol = o->proxy_protocol,
					     .client = &c->client_addr,
					     .dst = to };

	return handshake_new(&want, &c->handshake);
}

static int conn_connect(struct conn *c)
{
	const struct options *o = c->all->ctx->relay->options;
	const uint32_t events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
	const bool proxied = o->proxy.kind != PROXY_NONE;
	const struct flow_record record = conn_record(c);
	const union saddr *to = flow_goes_to(&record);
	struct upstream up;
	/* As a router does. Not towards a proxy: packets of a loop do not pass it. */
	const uint8_t ttl = proxied || !c->arrival.ttl ? 0 : (uint8_t)(c->arrival.ttl - 1);
	struct upstream_want want = { .type = SOCK_STREAM,
				      .source = &o->source,
				      .client = &c->client_addr,
				      .dst = proxied ? &o->proxy.addr : to,
				      .devices = &c->all->ctx->devices,
				      .ttl = ttl,
				      .tos = c->arrival.dscp };
	int err = c->handshake ? 0 : prepare_handshake(c, to);

	if (!err)
		err = upstream_open(&want, &up);
	c->reason = err && upstream_reason(err) ? upstream_reason(err) :
		    proxied                     ? "proxy-connect" :
						  NULL;
	if (err)
		return err;
	c->server.io.fd = up.fd;
	c->source = up.source;
	if (source_is_own(c->all->ctx, &up.source))
		sources_join(c->all->sources, c->all->ctx->local, &c->source, &c->of_source);
	looplog_note(c->all->ctx->relay->loops, &(struct looplog_flow){ &up.source, want.dst, ttl },
		     &c->client_addr, c->w->now);
	/*
	 * The DSCP of the server's packets would be better, but the kernel keeps none for a socket
	 * that connects. Best effort: answers arrive with another DSCP, too.
	 */
	sockopt_tos(c->client.io.fd, c->client_addr.sa.sa_family, c->arrival.dscp);
	sockopt_pace(c->client.io.fd, c->all->ctx->settings->limits.bandwidth);
	sockopt_pace(c->server.io.fd, c->all->ctx->settings->limits.bandwidth);
	if (up.fell_back)
		c->all->ctx->stats.port_fallbacks++;
	err = worker_watch(c->w, &c->server.io, events);
	if (!err)
		err = worker_watch(c->w, &c->client.io, events);
	timer_set(&c->w->wheel, &c->timer, c->begin + o->connect_timeout * 1000ULL);
	return err;
}

/* ---- admission ---------------------------------------------------------- */

/* Resets an accepted socket that has no struct conn, and writes the record. */
static void conn_reject(struct conns *all, int fd, struct flow_record *record)
{
	record->id = worker_new_id(&all->ctx->worker);
	record->proto = IPPROTO_TCP;
	sockopt_reset_on_close(fd);
	close(fd);
	record_flow_end(record);
}

void conn_shed(struct conns *all, int fd, const union saddr *client, int err)
{
	struct flow_record record = { .client = *client, .end = END_LIMIT, .err = err };
	socklen_t len = sizeof(record.dst);

	all->ctx->stats.limited++;
	if (getsockname(fd, &record.dst.sa, &len))
		memset(&record.dst, 0, sizeof(record.dst));
	conn_reject(all, fd, &record);
}

/* False: a packet with this TTL ends here. tc leaves such SYNs to the kernel. */
static bool admit_ttl(struct engine_context *ctx, const struct arrival *arrival,
		      struct flow_record *record)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	if (!arrival->ttl && !atomic_flag_test_and_set(&said))
		record_say(RECORD_DEBUG, "TTLs of handshakes cannot be read: onward connections "
					 "have the default");
	if (arrival->ttl != 1)
		return true;
	record->end = END_REFUSED;
	record->reason = "ttl";
	ctx->stats.refused++;
	return false;
}

static void note_loop(struct engine_context *ctx, const struct arrival *arrival,
		      struct flow_record *record)
{
	const struct looplog_flow flow = { &record->client, &record->dst, arrival->ttl };

	record->loop = looplog_seen(ctx->relay->loops, &flow, ctx->worker.now);
	if (record->loop)
		looplog_warn(ctx->relay->loops, &flow, ctx->worker.now);
}

/* For a client that was admitted. NULL: there is no room, and the client was reset. */
static struct conn *conn_admitted(struct conns *all, int fd, const struct flow_record *record,
				  struct lane *lane)
{
	bool room = room_take(all, lane);
	struct conn *c = room ? conn_new(all, fd, record, lane) : NULL;

	if (c)
		return c;
	if (room)
		budget_return(&all->descriptors, CONN_DESCRIPTORS);
	lane_release(lane);
	conn_shed(all, fd, &record->client, room ? ENOMEM : EMFILE);
	return NULL;
}

void conn_open(struct conns *all, int fd, const union saddr *client)
{
	struct flow_record record = { .client = *client, .proto = IPPROTO_TCP };
	struct arrival arrival = arrival_read(fd, client->sa.sa_family);
	struct lane *lane;
	socklen_t len = sizeof(record.dst);
	struct conn *c;
	int err;

	all->ctx->stats.tcp_flows++;
	/* Never SO_ORIGINAL_DST: for a transparent socket it would report a stale conntrack entry. */
	if (getsockname(fd, &record.dst.sa, &len)) {
		conn_shed(all, fd, client, errno);
		return;
	}
	note_loop(all->ctx, &arrival, &record);
	if (!admit_ttl(all->ctx, &arrival, &record) || !admit_flow(all->ctx, &record, &lane)) {
		conn_reject(all, fd, &record);
		return;
	}
	c = conn_admitted(all, fd, &record, lane);
	if (!c)
		return;
	c->client.io.ready = client_ready;
	c->server.io.ready = server_ready;
	c->timer.fire = connect_expired;
	c->arrival = arrival;
	err = conn_connect(c);
	if (err == -EMFILE && room_make(all, lane))
		err = conn_connect(c);
	if (err)
		connect_failed(c, -err);
}
