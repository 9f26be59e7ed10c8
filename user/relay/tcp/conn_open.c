/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state "connecting" of a connection: from the accepted client until the server has answered
 * and, with an upstream, the handshake is done; then conn_begin. The client is connected all that
 * time, before anything is known about the server. To answer it only afterwards, this is the state
 * to change: nothing else knows about it.
 */
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
#include "relay/upstream/health.h"
#include "relay/upstream/own_source.h"
#include "relay/upstream/upstream.h"

#define EDGES (EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET)

#define EVICT_IDLE_MS 2000 /* an equal client's connection goes only if it was idle for longer */

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
	bool few = lane_count(lane, LANE_TCP) < BUDGET_FEW_FLOWS, taken;

	if (budget_take(&all->descriptors, CONN_DESCRIPTORS, few))
		return true;
	conn_warn_short(all, "resetting connections of the clients that have the most", EMFILE);
	budget_keep(&all->descriptors);
	taken = room_make(all, lane) && budget_take(&all->descriptors, CONN_DESCRIPTORS, few);
	budget_release(&all->descriptors);
	return taken;
}

/* ---- connecting --------------------------------------------------------- */

/* ---- the server --------------------------------------------------------- */

/* The reason of a connection that fails before its proxy has accepted it. */
static const char proxy_connect[] = "proxy-connect";

/* By the settings of this turn. */
static struct egress *conn_egress(const struct conn *c)
{
	const struct flow_record record = conn_record(c);

	return egress_find(&c->all->ctx->settings->egress, &c->client_addr, flow_goes_to(&record));
}

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

	if (c->reason == proxy_connect) {
		health_works(conn_egress(c), handshake_proxy(c->handshake));
		c->reason = "proxy-answer";
	}
	if (r == HANDSHAKE_FAILED)
		connect_failed(c, handshake_error(c->handshake));
	if (r != HANDSHAKE_DONE)
		return false;
	handshake_free(c->handshake);
	c->handshake = NULL;
	return true;
}

/* As a router does. Not towards a proxy: packets of a loop do not pass it. */
static uint8_t onward_ttl(const struct conn *c, bool proxied)
{
	return proxied || !c->arrival.ttl ? 0 : (uint8_t)(c->arrival.ttl - 1);
}

static int prepare_handshake(struct conn *c, const struct proxy *proxy, const union saddr *to)
{
	const struct handshake_want want = { .proxy = proxy,
					     .proxy_protocol =
						     c->all->ctx->relay->options->proxy_protocol,
					     .client = &c->client_addr,
					     .dst = to };

	handshake_free(c->handshake);
	c->handshake = NULL;
	return handshake_new(&want, &c->handshake);
}

/* 0 or -errno; c->reason is set in both cases. */
static int connect_through(struct conn *c, struct egress *egress, const struct proxy *proxy,
			   struct upstream *ret_up)
{
	const struct flow_record record = conn_record(c);
	const union saddr *to = flow_goes_to(&record);
	const bool proxied = proxy->kind != PROXY_NONE;
	struct upstream_want want = { .type = SOCK_STREAM,
				      .outlet = &egress->outlet,
				      .client = &c->client_addr,
				      .dst = proxied ? &proxy->addr : to,
				      .devices = &c->all->ctx->devices,
				      .ttl = onward_ttl(c, proxied),
				      .tos = c->arrival.dscp };
	int err = prepare_handshake(c, proxy, to);

	if (!err)
		err = upstream_open(&want, ret_up);
	c->reason = upstream_reason(err);
	if (!c->reason && proxied)
		c->reason = proxy_connect;
	if (!err)
		looplog_note(c->all->ctx->relay->loops,
			     &(struct looplog_flow){ &ret_up->source, want.dst, want.ttl },
			     &c->client_addr, c->w->now);
	return err;
}

/* Each upstream that fails at once is passed over, if there is another one. */
static int connect_server(struct conn *c, struct upstream *ret_up)
{
	struct egress *egress = conn_egress(c);
	const struct proxy *proxy;
	int err = -EHOSTUNREACH;

	while ((proxy = health_choose(egress, IPPROTO_TCP, c->w->now, &c->reason))) {
		err = connect_through(c, egress, proxy, ret_up);
		if (!err || !health_failed(egress, proxy, -err, c->w->now))
			break;
	}
	return err;
}

/* The timer of the caller covers all attempts. */
static int conn_connect(struct conn *c)
{
	struct upstream up;
	int err = connect_server(c, &up);

	if (err)
		return err;
	c->server.io.fd = up.fd;
	c->source = up.source;
	if (source_is_own(&conn_egress(c)->outlet.source, c->all->ctx->local, &up.source))
		sources_join(c->all->sources, c->all->ctx->local, &c->source, &c->of_source);
	sockopt_pace(c->server.io.fd, c->all->ctx->settings->limits.bandwidth);
	if (up.fell_back)
		c->all->ctx->stats.port_fallbacks++;
	return worker_watch(c->w, &c->server.io, EDGES);
}

/* A proxy that did not accept has got nothing yet, so another upstream may serve. */
static void server_failed(struct conn *c, int err)
{
	bool again = c->reason == proxy_connect &&
		     health_failed(conn_egress(c), handshake_proxy(c->handshake), err, c->w->now);

	if (again) {
		worker_close_io(&c->server.io);
		if (!conn_connect(c))
			return;
	}
	connect_failed(c, err);
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

	if (err) {
		server_failed(c, err);
		return;
	}
	conn_note_edge(c, &c->server, events);
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

/* Without time for another upstream; the next flows take it. */
static void connect_expired(struct timer *timer)
{
	struct conn *c = container_of(timer, struct conn, timer);

	if (c->reason == proxy_connect)
		health_failed(conn_egress(c), handshake_proxy(c->handshake), ETIMEDOUT, c->w->now);
	conn_finish(c, END_CONNECT_TIMEOUT, ETIMEDOUT, RESET_BOTH);
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

static int await_server(struct conn *c)
{
	struct engine_context *ctx = c->all->ctx;
	int fd = c->client.io.fd;

	/*
	 * The DSCP of the server's packets would be better, but the kernel keeps none for a socket
	 * that connects. Best effort: answers arrive with another DSCP, too.
	 */
	sockopt_tos(fd, c->client_addr.sa.sa_family, c->arrival.dscp);
	sockopt_pace(fd, ctx->settings->limits.bandwidth);
	timer_set(&c->w->wheel, &c->timer,
		  c->begin + ctx->relay->options->connect_timeout * 1000ULL);
	return worker_watch(c->w, &c->client.io, EDGES);
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
	if (!err)
		err = await_server(c);
	if (err)
		connect_failed(c, -err);
}
