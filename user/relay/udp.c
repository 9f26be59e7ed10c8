/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/udp.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "lib/util.h"
#include "relay/reply.h"
#include "relay/udpbatch.h"
#include "relay/upstream.h"

#define SESSION_BUCKETS 16384
#define SESSIONS_MAX 65536 /* in all workers */

#define TIMEOUT_ONE_WAY_S 60 /* RFC 4787 REQ-5 asks for two minutes of flows that are answered */
#define TIMEOUT_BOTH_S 180
#define TIMEOUT_DNS_S 10
#define TIMEOUT_DRAIN_S 2
#define DNS_PORT 53

/* Of datagrams that found no session: a flood must not fill the log. */
#define REJECTS_LOGGED_PER_S 100

struct session {
	struct io io; /* connected to the original destination */
	struct grave grave;
	LIST_ENTRY(session) link; /* bucket */
	TAILQ_ENTRY(session) lru; /* the longest idle is first */
	struct udp_engine *e;
	struct reply *reply; /* NULL until the destination answers */
	struct timer timer;
	bool answered;
	uint64_t id;
	uint64_t begin; /* ms */
	uint64_t last;	/* ms */
	uint64_t bytes_up;
	uint64_t bytes_down;
	union saddr client;
	union saddr dst;
	union saddr source;
};

struct udp_listener {
	struct io io; /* borrowed from the worker */
	struct udp_engine *e;
};

LIST_HEAD(session_list, session);

struct udp_engine {
	struct worker *w;
	struct udp_batch *batch;
	struct reply_table *replies;
	unsigned int count;
	unsigned int max;
	unsigned int listener_count;
	struct udp_listener listeners[OPTIONS_MAX_PORTS * 2];
	uint64_t reject_window; /* ms */
	unsigned int rejects;	/* logged in this window */
	unsigned int rejects_hidden;
	uint32_t seed;
	TAILQ_HEAD(, session) lru;
	struct session_list buckets[SESSION_BUCKETS];
};

static struct flow_record session_record(const struct session *s)
{
	return (struct flow_record){ .id = s->id,
				     .proto = IPPROTO_UDP,
				     .client = s->client,
				     .dst = s->dst,
				     .source = s->source,
				     .bytes_up = s->bytes_up,
				     .bytes_down = s->bytes_down,
				     .duration_ms = s->last - s->begin };
}

/* The only way out. err: positive errno for the record, or 0. */
static void session_finish(struct session *s, enum flow_end end, int err)
{
	struct flow_record record = session_record(s);

	record.end = end;
	record.err = err;
	record_flow_end(&record);
	timer_cancel(&s->e->w->wheel, &s->timer);
	worker_close_io(&s->io);
	if (s->reply)
		reply_put(s->reply);
	LIST_REMOVE(s, link);
	TAILQ_REMOVE(&s->e->lru, s, lru);
	s->e->count--;
	worker_bury(s->e->w, &s->grave, s);
}

static uint32_t session_limit(const struct session *s)
{
	if (s->e->w->draining)
		return TIMEOUT_DRAIN_S;
	if (saddr_port(&s->dst) == DNS_PORT)
		return TIMEOUT_DNS_S;
	return s->answered ? TIMEOUT_BOTH_S : TIMEOUT_ONE_WAY_S;
}

static void session_set_timer(struct session *s)
{
	timer_set(&s->e->w->wheel, &s->timer, s->last + session_limit(s) * 1000ULL);
}

/* Datagrams do not move the timer; it looks when the last one was, and sleeps on. */
static void session_timeout(struct timer *timer)
{
	struct session *s = container_of(timer, struct session, timer);

	if (s->last + session_limit(s) * 1000ULL > s->e->w->now)
		session_set_timer(s);
	else
		session_finish(s, s->e->w->draining ? END_DRAIN : END_IDLE, 0);
}

static void session_touch(struct session *s)
{
	s->last = s->e->w->now;
	TAILQ_REMOVE(&s->e->lru, s, lru);
	TAILQ_INSERT_TAIL(&s->e->lru, s, lru);
}

/* The datagram was not sent, but the flow is not to blame or may recover. */
static bool is_passing(int err)
{
	return err == EAGAIN || err == ENOBUFS || err == ENOMEM || err == EPERM ||
	       err == EMSGSIZE || err == EINTR;
}

static void session_to_client(struct session *s, const void *data, size_t len)
{
	int err = s->reply ? 0 : reply_get(s->e->replies, &s->dst, &s->reply);

	if (!err)
		err = reply_send(s->reply, &s->client, data, len);
	if (err)
		s->e->w->stats.lost_datagrams++;
	else
		s->bytes_down += len;
}

/* The destination answered, or the network did with an ICMP error. */
static void session_ready(struct io *io, uint32_t events)
{
	struct session *s = container_of(io, struct session, io);
	int n = udp_batch_receive(s->e->batch, io->fd);

	(void)events;
	if (n < 0) {
		if (!is_passing(-n))
			session_finish(s, END_ERROR, -n);
		return;
	}
	for (int i = 0; i < n; i++) {
		size_t len;
		const void *data = udp_batch_data(s->e->batch, i, &len);

		/* Between bind and connect a socket takes datagrams from anybody. */
		if (!saddr_equal(udp_batch_from(s->e->batch, i), &s->dst))
			continue;
		s->answered = true;
		session_touch(s);
		session_to_client(s, data, len);
	}
}

static struct session_list *bucket_of(struct udp_engine *e, const union saddr *client,
				      const union saddr *dst)
{
	uint32_t hash = saddr_hash(client, saddr_hash(dst, e->seed));

	return &e->buckets[hash % SESSION_BUCKETS];
}

static struct session *session_find(struct udp_engine *e, const union saddr *client,
				    const union saddr *dst)
{
	struct session *s;

	LIST_FOREACH(s, bucket_of(e, client, dst), link)
		if (saddr_equal(&s->client, client) && saddr_equal(&s->dst, dst))
			return s;
	return NULL;
}

static bool evict_oldest(struct udp_engine *e)
{
	struct session *oldest = TAILQ_FIRST(&e->lru);

	if (!oldest)
		return false;
	e->w->stats.limited++;
	session_finish(oldest, END_LIMIT, 0);
	return true;
}

static int session_connect(struct udp_engine *e, const union saddr *client,
			   const union saddr *dst, struct upstream *ret_up)
{
	enum source_mode mode = e->w->relay->options->source;
	int err = upstream_open(SOCK_DGRAM, mode, client, dst, ret_up);

	if ((err == -EMFILE || err == -ENFILE) && evict_oldest(e))
		err = upstream_open(SOCK_DGRAM, mode, client, dst, ret_up);
	if (!err && ret_up->fell_back)
		e->w->stats.port_fallbacks++;
	return err;
}

static int session_open(struct udp_engine *e, const union saddr *client, const union saddr *dst,
			struct session **ret_session)
{
	__cleanup_free struct session *s = calloc(1, sizeof(*s));
	struct upstream up;
	int err;

	if (!s)
		return -ENOMEM;
	if (e->count >= e->max)
		evict_oldest(e);
	err = session_connect(e, client, dst, &up);
	if (err)
		return err;
	s->io = (struct io){ .fd = up.fd, .ready = session_ready };
	err = worker_watch(e->w, &s->io, EPOLLIN);
	if (err) {
		worker_close_io(&s->io);
		return err;
	}
	s->e = e;
	s->id = worker_new_id(e->w);
	s->begin = s->last = e->w->now;
	s->client = *client;
	s->dst = *dst;
	s->source = up.source;
	s->timer.fire = session_timeout;
	session_set_timer(s);
	LIST_INSERT_HEAD(bucket_of(e, client, dst), s, link);
	TAILQ_INSERT_TAIL(&e->lru, s, lru);
	e->count++;
	e->w->stats.udp_flows++;
	*ret_session = take_ptr(s);
	return 0;
}

static void log_reject(struct udp_engine *e, const struct flow_record *record)
{
	if (e->w->now - e->reject_window >= 1000) {
		if (e->rejects_hidden)
			record_say(RECORD_WARN, "udp: %u more rejected datagrams were not logged",
				   e->rejects_hidden);
		e->reject_window = e->w->now;
		e->rejects = 0;
		e->rejects_hidden = 0;
	}
	if (e->rejects++ < REJECTS_LOGGED_PER_S)
		record_flow_end(record);
	else
		e->rejects_hidden++;
}

/* A datagram that gets no session; the client hears nothing, as UDP has no refusal. */
static void reject(struct udp_engine *e, const union saddr *client, const union saddr *dst,
		   enum dest_verdict verdict, int err)
{
	struct flow_record record = { .id = worker_new_id(e->w),
				      .proto = IPPROTO_UDP,
				      .client = *client,
				      .dst = *dst,
				      .err = err,
				      .reason = dest_reasons[verdict] };

	if (verdict != DEST_OK) {
		e->w->stats.refused++;
		record.end = END_REFUSED;
	} else if (err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS) {
		e->w->stats.limited++;
		record.end = END_LIMIT;
	} else {
		record.end = END_CONNECT_FAILED;
	}
	log_reject(e, &record);
}

static struct session *session_begin(struct udp_engine *e, const union saddr *client,
				     const union saddr *dst)
{
	enum dest_verdict verdict = worker_check_dest(e->w, IPPROTO_UDP, dst);
	struct flow_record record;
	struct session *s;
	int err = 0;

	if (verdict == DEST_OK)
		err = session_open(e, client, dst, &s);
	if (verdict != DEST_OK || err) {
		reject(e, client, dst, verdict, -err);
		return NULL;
	}
	record = session_record(s);
	record_flow_start(&record);
	return s;
}

static void from_client(struct udp_engine *e, const union saddr *client, const union saddr *dst,
			const void *data, size_t len)
{
	struct session *s = session_find(e, client, dst);

	if (!s)
		s = session_begin(e, client, dst);
	if (!s)
		return;
	session_touch(s);
	if (send(s->io.fd, data, len, MSG_NOSIGNAL) >= 0) {
		s->bytes_up += len;
		return;
	}
	e->w->stats.lost_datagrams++;
	if (!is_passing(errno))
		session_finish(s, END_ERROR, errno);
}

static void listener_ready(struct io *io, uint32_t events)
{
	struct udp_engine *e = container_of(io, struct udp_listener, io)->e;
	int n = udp_batch_receive(e->batch, io->fd);

	(void)events;
	for (int i = 0; i < n; i++) {
		size_t len;
		const void *data = udp_batch_data(e->batch, i, &len);
		union saddr dst;

		if (udp_batch_dst(e->batch, i, &dst))
			from_client(e, udp_batch_from(e->batch, i), &dst, data, len);
	}
}

/* Datagrams that were not steered any more, but delivered to the address we answer from. */
static void reply_ready(struct io *io, uint32_t events)
{
	struct reply *r = container_of(io, struct reply, io);
	struct udp_engine *e = reply_owner(r);
	union saddr dst = r->addr;
	int n = udp_batch_receive(e->batch, io->fd);

	(void)events;
	for (int i = 0; i < n; i++) {
		size_t len;
		const void *data = udp_batch_data(e->batch, i, &len);

		from_client(e, udp_batch_from(e->batch, i), &dst, data, len);
	}
}

static int watch_listeners(struct udp_engine *e)
{
	struct worker *w = e->w;
	int err = 0;

	for (unsigned int row = 0; row < w->relay->listeners->rows; row++) {
		for (int class = TPROXY_UDP4; class <= TPROXY_UDP6 && !err; class ++) {
			struct udp_listener *l = &e->listeners[e->listener_count];

			if (w->listeners->fds[row][class] < 0)
				continue;
			l->io = (struct io){ .fd = w->listeners->fds[row][class],
					     .ready = listener_ready };
			l->e = e;
			e->listener_count++;
			err = worker_watch(w, &l->io, EPOLLIN);
		}
	}
	return err;
}

/* A session takes up to two descriptors; half of all are left to TCP. */
static unsigned int sessions_max(const struct relay *relay)
{
	unsigned long all = relay->nofile / 4;

	if (all > SESSIONS_MAX)
		all = SESSIONS_MAX;
	all /= relay->options->workers;
	return all ? (unsigned int)all : 1;
}

int udp_open(struct worker *w, struct udp_engine **ret_engine)
{
	struct udp_engine *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	*ret_engine = e;
	e->w = w;
	e->max = sessions_max(w->relay);
	TAILQ_INIT(&e->lru);
	if (getrandom(&e->seed, sizeof(e->seed), GRND_NONBLOCK) < 0)
		e->seed = (uint32_t)w->now;
	e->batch = udp_batch_new();
	if (!e->batch)
		return -ENOMEM;
	err = reply_table_open(w, reply_ready, e, &e->replies);
	return err ? err : watch_listeners(e);
}

unsigned int udp_sessions(const struct udp_engine *e)
{
	return e->count;
}

void udp_drain(struct udp_engine *e)
{
	struct session *s;

	for (unsigned int i = 0; i < e->listener_count; i++) {
		listener_ready(&e->listeners[i].io, 0);
		e->listeners[i].io.fd = -1;
	}
	TAILQ_FOREACH(s, &e->lru, lru)
		session_set_timer(s);
}

void udp_end_all(struct udp_engine *e, enum flow_end end)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&e->lru)))
		session_finish(s, end, 0);
}

void udp_close(struct udp_engine *e)
{
	if (!e)
		return;
	udp_end_all(e, END_DRAIN);
	reply_table_close(e->replies);
	udp_batch_free(e->batch);
	free(e);
}
