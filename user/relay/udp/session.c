/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of sessions: look-up, opening, time-outs, eviction, the record at the end. Must not
 * read or send datagrams.
 */
#include "relay/udp/session.h"

#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/config/options.h"
#include "relay/config/settings.h"
#include "relay/log/record.h"
#include "relay/net/sockopt.h"
#include "relay/udp/socks.h"
#include "relay/upstream/health.h"
#include "relay/upstream/own_source.h"
#include "relay/upstream/upstream.h"

#define TIMEOUT_ONE_WAY_MS 60000
#define TIMEOUT_BOTH_MS 180000 /* RFC 4787 REQ-5: at least two minutes */
#define TIMEOUT_DNS_MS 10000
/* Every question has its answer; at most the next one of the same stub resolver is to come. */
#define TIMEOUT_DNS_ANSWERED_MS 250
#define TIMEOUT_DRAIN_MS 2000
#define REVIEW_MS 5000 /* of promoted flows */
#define DNS_PORT 53
/* An error with a smaller MTU is meant to make us fragment: net.ipv4.route.min_pmtu, RFC 8200 5. */
#define MTU_MIN4 552
#define MTU_MIN6 1280

/* For runs of 64 kB; the kernel reduces it to net.core.rmem_max, wmem_max. */
#define BUFFER_SIZE (4 * 1024 * 1024)

/* Flows are kept in the order of their latest datagrams up to this difference. */
#define LISTED_GRAIN_MS 100

static bool session_is(const struct session *s, const union saddr *client, const union saddr *dst)
{
	if (!saddr_equal(&s->client, client))
		return false;
	return s->e->full_cone || saddr_equal(&s->dst, dst);
}

static struct session_list *bucket_of(struct udp_engine *e, const union saddr *client,
				      const union saddr *dst)
{
	uint32_t seed = e->full_cone ? e->seed : saddr_hash(dst, e->seed);

	return &e->buckets[saddr_hash(client, seed) % SESSION_BUCKETS];
}

struct session *session_find(struct udp_engine *e, const union saddr *client,
			     const union saddr *dst)
{
	struct session *s;

	LIST_FOREACH(s, bucket_of(e, client, dst), link)
		if (session_is(s, client, dst))
			return s;
	return NULL;
}

static struct idle_queue *queue_of(const struct session *s)
{
	return s->answered ? &s->e->answered : &s->e->unanswered;
}

static void queue_join(struct session *s)
{
	struct idle_queue *queue = queue_of(s);

	TAILQ_INSERT_TAIL(&queue->sessions, s, idle);
	queue->count++;
}

static void queue_leave(struct session *s)
{
	struct idle_queue *queue = queue_of(s);

	TAILQ_REMOVE(&queue->sessions, s, idle);
	queue->count--;
}

/* Frees what it has beside direct sockets. */
static void session_free(struct session *s)
{
	timer_cancel(&s->e->w->wheel, &s->timer);
	socks_close(s->socks);
	former_close(s->former);
	worker_close_io(&s->up);
	if (s->reply)
		reply_put(s->reply);
	if (s->wants_promotion)
		TAILQ_REMOVE(&s->e->promotions, s, promotion);
	lane_leave(&s->flow);
	budget_return(&s->e->descriptors, 1);
	LIST_REMOVE(s, link);
	queue_leave(s);
	flowtable_leave(&s->e->ctx->flows, &s->member);
	s->e->count--;
	worker_free_later(s->e->w, &s->free_later, s);
}

void session_finish(struct session *s, enum flow_end end, int err)
{
	struct flow_record record = session_record(s);

	if (s->exported) {
		s->ended = true;
		s->late_end = end;
		s->late_err = err;
		return;
	}
	travel_forget(s);
	record.end = end;
	record.err = err;
	record_flow_end(&record);
	direct_demote(s);
	session_free(s);
}

/* epoll would report a socket for as long as the other process has it. */
void session_leave(struct session *s)
{
	worker_unwatch(s->e->w, s->up.fd);
	if (s->socks)
		worker_unwatch(s->e->w, socks_control(s->socks));
	direct_leave(s);
	session_free(s);
}

static uint32_t idle_limit(const struct session *s)
{
	if (s->e->ctx->draining)
		return TIMEOUT_DRAIN_MS;
	if (saddr_port(&s->to) == DNS_PORT)
		return s->to_client.datagrams && s->to_client.datagrams >= s->to_dst.datagrams ?
			       TIMEOUT_DNS_ANSWERED_MS :
			       TIMEOUT_DNS_MS;
	return s->answered ? TIMEOUT_BOTH_MS : TIMEOUT_ONE_WAY_MS;
}

void session_set_timer(struct session *s)
{
	uint64_t due = s->last + idle_limit(s);

	if (s->direct && due > s->e->w->now + REVIEW_MS)
		due = s->e->w->now + REVIEW_MS;
	timer_set(&s->e->w->wheel, &s->timer, due);
}

/* A datagram does not move the timer. When it fires it may find that it has to wait longer. */
static void session_timeout(struct timer *timer)
{
	struct session *s = container_of(timer, struct session, timer);

	if (s->no_way) {
		session_finish(s, END_PATH_LOST, 0);
		return;
	}
	if (s->last + idle_limit(s) <= s->e->w->now) {
		session_finish(s, s->e->ctx->draining ? END_DRAIN : END_IDLE, 0);
		return;
	}
	/* A path that refused long segments may take them by now. */
	s->to_dst.gso_limit = s->to_client.gso_limit = GSO_UNLIMITED;
	session_review_drops(s);
	direct_review(s);
	session_set_timer(s);
}

void session_touch(struct session *s)
{
	s->last = s->e->w->now;
	queue_leave(s);
	queue_join(s);
	lane_touch(&s->flow, s->last, LISTED_GRAIN_MS);
}

void session_answered(struct session *s)
{
	s->last = s->e->w->now;
	queue_leave(s);
	if (s->answered)
		lane_touch(&s->flow, s->last, LISTED_GRAIN_MS);
	else
		lane_change(&s->flow, LANE_UDP_ANSWERED, s->last);
	s->answered = true;
	queue_join(s);
	/* At a busy resolver, flows of one question would pile up for ten seconds. */
	if (idle_limit(s) == TIMEOUT_DNS_ANSWERED_MS)
		session_set_timer(s);
}

bool session_has_own_source(const struct session *s)
{
	const struct egress *egress = egress_find(&s->e->ctx->settings->egress, &s->client, &s->to);

	return source_is_own(&egress->outlet.source, s->e->ctx->local, &s->source);
}

struct egress *session_egress(struct udp_engine *e, const union saddr *client,
			      const union saddr *dst)
{
	return egress_find(&e->ctx->settings->egress, client, dst);
}

/* Without descriptors, an unused reply socket makes room, or the longest idle flow. */
static int open_evicting(struct session *s, const struct lane *lane, struct upstream *ret_up)
{
	struct udp_engine *e = s->e;
	int err = onward_open(e, &s->client, &s->to, ret_up);

	if ((err == -EMFILE || err == -ENFILE) &&
	    (reply_evict(e->replies) || session_make_room(e, lane)))
		err = onward_open(e, &s->client, &s->to, ret_up);
	if (err)
		return err;
	if (ret_up->fell_back)
		e->ctx->stats.port_fallbacks++;
	return 0;
}

void socket_expect_bulk(int fd)
{
	sockopt_int(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_SIZE);
	sockopt_int(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_SIZE);
}

void session_expect_bulk(struct session *s)
{
	if (s->tuned || s->up.fd < 0)
		return;
	s->tuned = true;
	socket_expect_bulk(s->up.fd);
	/* Each datagram of a SOCKS server has a header, which cannot be removed inside a run. */
	if (!s->socks && !session_is_filtered(s))
		batch_accept_runs(s->up.fd);
}

void session_narrow(struct session *s, uint32_t mtu)
{
	bool v4 = s->client.sa.sa_family == AF_INET;

	mtu = mtu < (v4 ? MTU_MIN4 : MTU_MIN6) ? (v4 ? MTU_MIN4 : MTU_MIN6) : mtu;
	if (mtu == s->client_mtu || s->socks)
		return;
	s->client_mtu = mtu;
	path_note(s->e->paths, &s->client, &s->to, mtu, s->e->w->now);
	if (!v4 || !s->df_unseen)
		return;
	/* The filter sees the length of a run, not that of its datagrams. */
	sockopt_int(s->up.fd, SOL_UDP, UDP_GRO, 0);
	s->unfiltered = true;
	path_filter(s->up.fd, mtu);
}

/* Applies the MTU that earlier flows of this client found. */
static void narrow_from_start(struct session *s)
{
	uint32_t mtu = path_find(s->e->paths, &s->client, &s->to, s->e->w->now);

	if (!mtu || s->e->full_cone)
		return;
	/* Answers to a client's address pass the data path, which reads the bit. */
	s->df_unseen = s->client.sa.sa_family == AF_INET &&
		       !source_is_client(&session_egress(s->e, &s->client, &s->to)->outlet.source);
	session_narrow(s, mtu);
	s->unfiltered = false; /* nothing was sent yet, so no answer waits */
}

static int session_connect(struct session *s, const struct lane *lane)
{
	struct udp_engine *e = s->e;
	const struct proxy *proxy;
	const char *reason;
	struct upstream up;
	int err;

	proxy = health_choose(session_egress(e, &s->client, &s->to), IPPROTO_UDP, e->w->now,
			      &reason);
	if (!proxy)
		return -EHOSTUNREACH;
	if (proxy->kind != PROXY_NONE)
		return socks_open(s, proxy);
	err = open_evicting(s, lane, &up);
	if (err)
		return err;
	s->up = (struct io){ .fd = up.fd, .ready = session_ready };
	s->source = up.source;
	s->own_source = session_has_own_source(s);
	narrow_from_start(s);
	/* Any flow may begin with a burst, but for DNS. */
	if (saddr_port(&s->to) != DNS_PORT)
		session_expect_bulk(s);
	err = worker_watch(e->w, &s->up, EPOLLIN);
	if (err)
		worker_close_io(&s->up);
	return err;
}

void session_enter(struct session *s)
{
	s->timer.fire = session_timeout;
	session_set_timer(s);
	LIST_INSERT_HEAD(bucket_of(s->e, &s->client, &s->dst), s, link);
	queue_join(s);
	s->e->count++;
}

int session_open(struct udp_engine *e, const struct flow_record *record, struct lane *lane,
		 struct session **ret_session)
{
	const union saddr *client = &record->client;
	__cleanup_free struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	if (!session_take_room(e, lane))
		return -EMFILE;
	s->e = e;
	s->path_changes = e->ctx->path_changes;
	s->begin = s->last = s->window = e->w->now;
	s->client = *client;
	s->dst = record->dst;
	s->to = *flow_goes_to(record);
	s->to_dst.gso_limit = s->to_client.gso_limit = GSO_UNLIMITED;
	s->door = e->door;
	err = flowtable_join(&e->ctx->flows, &s->member, &session_flow_ops);
	if (!err)
		err = session_connect(s, lane);
	if (err) {
		flowtable_leave(&e->ctx->flows, &s->member);
		budget_return(&e->descriptors, 1);
		return err;
	}
	lane_join(lane, LANE_UDP_UNANSWERED, &s->flow, s->begin);
	s->id = worker_new_id(e->w);
	session_enter(s);
	e->ctx->stats.udp_flows++;
	*ret_session = take_ptr(s);
	return 0;
}
