/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives each datagram to its session, asks whether new flows are admitted, drains and ends the
 * engine. Must not know how a session relays.
 */
#include "relay/udp/engine.h"

#include <netinet/ip.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "lib/util.h"
#include "relay/admit/admit.h"
#include "relay/config/options.h"
#include "relay/log/looplog.h"
#include "relay/log/record.h"
#include "relay/net/rawicmp.h"
#include "relay/udp/session.h"
#include "relay/upstream/upstream.h"

/*
 * In all workers, for one address and port. The kernel walks all sockets there for each datagram
 * that none of them is connected to receive, and for each new socket.
 */
#define DIRECTS_MAX_PER_DST 64

#define LAST_ANSWERS_MS 2000
#define DRAIN_CHECK_MS 250

/*
 * A datagram gets no session. The client learns that there is no route, but not that a policy
 * refuses it.
 */
static void refuse_flow(struct udp_engine *e, struct flow_record *record, int err)
{
	record->id = worker_new_id(e->w);
	record->err = err;
	if (worker_is_short(err)) {
		e->ctx->stats.limited++;
		record->end = END_LIMIT;
	} else if (err) {
		record->end = END_CONNECT_FAILED;
		record->reason = upstream_reason(-err);
		error_send_unreachable(e, &record->client, &record->dst, err);
	}
	record_flow_end(record);
}

/* ttl: of its first datagram when it leaves, 0: not known. */
static void note_loop(struct udp_engine *e, struct session *s, uint8_t ttl)
{
	struct looplog *loops = e->ctx->relay->loops;
	const struct looplog_flow arrived = { &s->client, &s->dst, ttl ? (uint8_t)(ttl + 1) : 0 };

	s->loop = looplog_seen(loops, &arrived, e->w->now);
	if (s->loop)
		looplog_warn(loops, &arrived, e->w->now);
	if (!s->socks)
		looplog_note(loops, &(struct looplog_flow){ &s->source, &s->to, ttl }, &s->client,
			     e->w->now);
}

static struct session *admit_session(struct udp_engine *e, const union saddr *client,
				     const union saddr *dst, uint8_t ttl)
{
	struct flow_record record = { .proto = IPPROTO_UDP, .client = *client, .dst = *dst };
	struct lane *lane;
	struct session *s;
	int err;

	if (!admit_flow(e->ctx, &record, &lane)) {
		refuse_flow(e, &record, 0);
		return NULL;
	}
	err = session_open(e, &record, lane, &s);
	if (err) {
		lane_release(lane);
		refuse_flow(e, &record, -err);
		return NULL;
	}
	note_loop(e, s, ttl);
	record = session_record(s);
	record_flow_start(&record);
	return s;
}

/* The socket of a full cone leaves in one way only. */
static bool same_egress(const struct session *s, const union saddr *dst, struct flow_record *record)
{
	if (session_egress(s->e, &s->client, &s->to) == session_egress(s->e, &s->client, dst))
		return true;
	record->end = END_REFUSED;
	record->reason = "egress-full-cone";
	s->e->ctx->stats.refused++;
	return false;
}

/* In a full cone, a known client may send to a further destination, which may be refused. */
static struct session *session_for(struct udp_engine *e, const union saddr *client,
				   const union saddr *dst, uint8_t ttl)
{
	struct session *s = session_find(e, client, dst);

	if (!s)
		return admit_session(e, client, dst, ttl);
	if (e->full_cone) {
		struct flow_record record = { .proto = IPPROTO_UDP,
					      .client = *client,
					      .dst = *dst };

		if (!admit_destination(e->ctx, &record) || !same_egress(s, dst, &record)) {
			refuse_flow(e, &record, 0);
			return NULL;
		}
	}
	session_touch(s);
	return s;
}

bool engine_count_hop(const struct udp_engine *e, struct ip_fields *fields)
{
	if (fields->ttl == 1)
		return false;
	if (fields->ttl)
		fields->ttl--;
	if (!e->ctx->relay->options->carry_ecn)
		fields->tos &= (uint8_t)~IPTOS_ECN_MASK;
	return true;
}

/* Run i of the batch, unless its last hop was here. */
static bool read_run(struct udp_engine *e, int i, const union saddr *dst, struct run *ret_run)
{
	*ret_run = batch_run(e->batch, i);
	if (engine_count_hop(e, &ret_run->fields))
		return true;
	error_send_expired(e, batch_from(e->batch, i), dst, e->ctx->relay->binding.in);
	return false;
}

/* Neighbours in a batch are mostly of one flow: they are looked up once and sent together. */
void engine_dispatch(struct udp_engine *e, int n)
{
	union saddr last_client = { 0 }, last_dst = { 0 };
	struct session *s = NULL;

	for (int i = 0; i < n; i++) {
		const union saddr *client = batch_from(e->batch, i);
		struct run run;
		union saddr to;

		if (!batch_dst(e->batch, i, &to) || !read_run(e, i, &to, &run))
			continue;
		if (!saddr_equal(client, &last_client) || !saddr_equal(&to, &last_dst) || !s) {
			if (s)
				session_flush_to_dst(s, &last_dst);
			s = session_for(e, client, &to, run.fields.ttl);
			last_client = *client;
			last_dst = to;
		}
		if (s && !session_to_dst(s, &to, run))
			s = NULL;
	}
	if (s)
		session_flush_to_dst(s, &last_dst);
}

void engine_dispatch_flow(struct udp_engine *e, int n, const union saddr *client,
			  const union saddr *dst)
{
	struct session *s = NULL;

	for (int i = 0; i < n; i++) {
		struct run run;

		if (!saddr_equal(batch_from(e->batch, i), client) || !read_run(e, i, dst, &run))
			continue;
		if (!s)
			s = session_for(e, client, dst, run.fields.ttl);
		if (s && !session_to_dst(s, dst, run))
			s = NULL;
	}
	if (s)
		session_flush_to_dst(s, dst);
}

/* This worker's share of a number for all workers, at least 1. */
static unsigned int share_of(const struct engine_context *ctx, unsigned int all)
{
	unsigned int part = all / ctx->relay->budget->udp_workers;

	return part ? part : 1;
}

static void set_limits(struct udp_engine *e)
{
	const struct engine_context *ctx = e->ctx;

	e->descriptors = budget_share(ctx->relay->budget, BUDGET_UDP);
	e->max = ctx->relay->budget->caps.sessions;
	e->max_per_source = share_of(ctx, ctx->relay->options->udp_per_source);
	e->direct_max = ctx->relay->budget->caps.directs;
	e->direct_max_per_dst = share_of(ctx, DIRECTS_MAX_PER_DST);
	e->full_cone = ctx->relay->options->udp_full_cone;
}

/* How long before its end a drain stops to receive the clients' datagrams. */
static uint64_t last_answers_ms(const struct engine_context *ctx)
{
	uint64_t half = ctx->relay->options->drain_timeout * 1000ULL / 2;

	return half < LAST_ANSWERS_MS ? half : LAST_ANSWERS_MS;
}

/*
 * Shortly before the drain ends, flows leave their own sockets, so that steering brings the
 * clients' datagrams to the next relay, if there is one. Answers of destinations still get
 * through. A drain without an end leaves flows where they are.
 */
static void drain_check_end(struct timer *timer)
{
	struct udp_engine *e = container_of(timer, struct udp_engine, drain_timer);
	struct worker *w = e->w;

	if (e->ctx->drain_end &&
	    e->ctx->drain_end <= w->now + last_answers_ms(e->ctx) + DRAIN_CHECK_MS)
		direct_demote_all(e);
	else
		timer_set(&w->wheel, timer, w->now + DRAIN_CHECK_MS);
}

int udp_open(struct engine_context *ctx, struct udp_engine **ret_engine)
{
	struct udp_engine *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	*ret_engine = e;
	e->ctx = ctx;
	e->w = &ctx->worker;
	listener_leave_all(e);
	icmp_open(e);
	set_limits(e);
	e->drain_timer.fire = drain_check_end;
	e->path_timer.fire = renew_report;
	TAILQ_INIT(&e->unanswered.sessions);
	TAILQ_INIT(&e->answered.sessions);
	TAILQ_INIT(&e->promotions);
	TAILQ_INIT(&e->directs);
	if (getrandom(&e->seed, sizeof(e->seed), GRND_NONBLOCK) < 0)
		e->seed = (uint32_t)e->w->now;
	e->batch = batch_new(&ctx->relay->pinned.marks);
	e->paths = path_table_new(e->seed);
	if (!e->batch || !e->paths)
		return -ENOMEM;
	err = nl_open(&e->routes);
	if (!err)
		err = reply_table_open(ctx, &e->descriptors, &e->replies);
	return err ? err : listener_watch_all(e);
}

/* Retired sockets count, since they still receive datagrams. */
unsigned int udp_sessions(const struct udp_engine *e)
{
	return e->count + e->retired_count;
}

void udp_hold(struct udp_engine *e, bool hold)
{
	if (hold)
		direct_keep_busy(e);
	listener_hold_all(e, hold);
}

void udp_drain(struct udp_engine *e)
{
	struct session *s;

	/* What the listeners hold is for the relay that has our flows. */
	if (!e->held && !e->given_away)
		direct_keep_busy(e);
	timer_set(&e->w->wheel, &e->drain_timer, e->w->now + DRAIN_CHECK_MS);
	listener_leave_all(e);
	TAILQ_FOREACH(s, &e->unanswered.sessions, idle)
		session_set_timer(s);
	TAILQ_FOREACH(s, &e->answered.sessions, idle)
		session_set_timer(s);
}

void udp_keep(struct udp_engine *e, bool keep)
{
	unsigned int left;

	if (keep == e->keeping)
		return;
	e->keeping = keep;
	left = keep ? direct_keep_all(e) : 0;
	direct_promote_waiting(e); /* flows that waited in the listeners */
	if (left)
		record_say(
			RECORD_WARN,
			"an interface is being detached: %u UDP flows got no socket of their own "
			"(too many flows); from now on their datagrams bypass the relay, with "
			"another source address",
			left);
}

void udp_end_all(struct udp_engine *e, enum flow_end end)
{
	struct session *s;

	udp_export_undo(e);
	while ((s = TAILQ_FIRST(&e->unanswered.sessions)) ||
	       (s = TAILQ_FIRST(&e->answered.sessions)))
		session_finish(s, end, 0);
}

void udp_close(struct udp_engine *e)
{
	if (!e)
		return;
	udp_end_all(e, END_DRAIN);
	listener_leave_all(e);
	timer_cancel(&e->w->wheel, &e->drain_timer);
	if (e->path_timer.armed)
		renew_report(&e->path_timer);
	timer_cancel(&e->w->wheel, &e->path_timer);
	direct_close_all(e);
	icmp_close(e);
	nl_close(&e->routes);
	reply_table_close(e->replies);
	rawicmp_close(e->icmp);
	path_table_free(e->paths);
	batch_free(e->batch);
	free(e);
}
