/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moves flows to the relay that takes over: describes each one in a record and sends its sockets
 * along, so that it keeps its ports; makes sessions of such records. Must not know how messages
 * travel.
 *
 * A flow that was sent still lives here, and relays what its own sockets get, until the other relay
 * says that it serves. Only its end is put off: the other relay has the flow, and writes its record.
 * If that one fails, nothing has changed here.
 *
 * A session goes to the worker that has its listener, by the listener's port: the hash of a flow
 * selects a listener, and listeners move to the new relay, too. A relay with more workers than the
 * one before adds listeners, so the hash selects another one for most flows; their next datagram
 * makes a new flow there. With fewer workers each listener stays, and with it every flow.
 */
#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/config/settings.h"
#include "relay/log/looplog.h"
#include "relay/log/record.h"
#include "relay/udp/session.h"
#include "relay/udp/socks.h"

#define TRAVEL_VERSION 1

/* Of one message: both fit into what other parts of the hand-over use. */
#define RECORDS_MAX 16
#define FDS_EACH 3 /* the socket towards the destination, direct, of the SOCKS server */

enum travel_flag {
	TRAVEL_ANSWERED = 1 << 0,
	TRAVEL_TUNED = 1 << 1,
	TRAVEL_LOOP = 1 << 2,
	TRAVEL_DF_UNSEEN = 1 << 3,
	TRAVEL_UNFILTERED = 1 << 4,
	TRAVEL_NO_PROMOTION = 1 << 5,
	TRAVEL_CONE = 1 << 6,
	TRAVEL_OWN_SOURCE = 1 << 7,
	/* The first descriptor is `up`; then those of these flags, in this order. */
	TRAVEL_DIRECT = 1 << 8,
	TRAVEL_SOCKS = 1 << 9,
};

/* Both relays run on this host: byte order and clock are the same. */
struct travel_record {
	uint64_t id;
	uint64_t begin; /* ms of CLOCK_MONOTONIC */
	uint64_t last;
	uint64_t bytes_up;
	uint64_t bytes_down;
	uint64_t datagrams_up;
	uint64_t datagrams_down;
	uint32_t client_mtu;
	uint16_t flags; /* enum travel_flag, OR */
	uint16_t door;  /* port of the listener that it came by */
	struct ip_fields up;
	struct ip_fields down;
	uint8_t unused[2];
	union saddr client;
	union saddr dst;
	union saddr to;
	union saddr source;
};

_Static_assert(sizeof(struct travel_record) == 184, "a record is the same in all builds");

struct travel_header {
	uint16_t version;
	uint16_t record_size;
	uint32_t count;
};

struct travel_message {
	struct travel_header header;
	struct travel_record records[RECORDS_MAX];
	unsigned int fd_count;
	int fds[RECORDS_MAX * FDS_EACH];
};

/* Of a hand-over that is under way. */
struct travel {
	unsigned int count;
	unsigned int next; /* to be sent */
	struct session *sessions[];
};

/* ---- sending ------------------------------------------------------------ */

static bool can_travel(const struct session *s)
{
	return s && s->up.fd >= 0 && (!s->socks || socks_control(s->socks) >= 0);
}

static uint16_t flags_of(const struct session *s)
{
	return (uint16_t)((s->answered ? TRAVEL_ANSWERED : 0) | (s->tuned ? TRAVEL_TUNED : 0) |
			  (s->loop ? TRAVEL_LOOP : 0) | (s->df_unseen ? TRAVEL_DF_UNSEEN : 0) |
			  (s->unfiltered ? TRAVEL_UNFILTERED : 0) |
			  (s->no_promotion ? TRAVEL_NO_PROMOTION : 0) |
			  (s->e->full_cone ? TRAVEL_CONE : 0) | (s->direct ? TRAVEL_DIRECT : 0) |
			  (s->socks ? TRAVEL_SOCKS : 0) | (s->own_source ? TRAVEL_OWN_SOURCE : 0));
}

static void describe(const struct session *s, struct travel_message *m)
{
	m->records[m->header.count++] =
		(struct travel_record){ .id = s->id,
					.begin = s->begin,
					.last = s->last,
					.bytes_up = s->to_dst.bytes,
					.bytes_down = s->to_client.bytes,
					.datagrams_up = s->to_dst.datagrams,
					.datagrams_down = s->to_client.datagrams,
					.client_mtu = s->client_mtu,
					.flags = flags_of(s),
					.door = s->door,
					.up = s->to_dst.fields,
					.down = s->to_client.fields,
					.client = s->client,
					.dst = s->dst,
					.to = s->to,
					.source = s->source };
	m->fds[m->fd_count++] = s->up.fd;
	if (s->direct)
		m->fds[m->fd_count++] = direct_fd(s->direct);
	if (s->socks)
		m->fds[m->fd_count++] = socks_control(s->socks);
}

static void collect(struct travel *t, const struct idle_queue *queue)
{
	struct session *s;

	TAILQ_FOREACH(s, &queue->sessions, idle) {
		s->place = t->count;
		t->sessions[t->count++] = s;
	}
}

static int travel_begin(struct udp_engine *e)
{
	if (e->travel)
		return 0;
	/* First, because the datagrams that it finds may begin sessions. */
	direct_empty_retired(e);
	e->travel = calloc(1, sizeof(struct travel) + e->count * sizeof(struct session *));
	if (!e->travel)
		return -ENOMEM;
	collect(e->travel, &e->answered);
	collect(e->travel, &e->unanswered);
	return 0;
}

/* Fills a message from sessions[from] on. Returns the first one that is not looked at. */
static unsigned int fill(const struct travel *t, unsigned int from, struct travel_message *m)
{
	m->header = (struct travel_header){ .version = TRAVEL_VERSION,
					    .record_size = sizeof(struct travel_record) };
	m->fd_count = 0;
	for (; from < t->count && m->header.count < RECORDS_MAX; from++)
		if (can_travel(t->sessions[from]))
			describe(t->sessions[from], m);
	return from;
}

static void give(struct session *s)
{
	s->exported = true;
	lane_lend(&s->flow);
}

int udp_export(struct udp_engine *e, const struct udp_export *x)
{
	struct travel_message m;
	int err = travel_begin(e);

	while (!err && e->travel->next < e->travel->count) {
		struct travel *t = e->travel;
		unsigned int next = fill(t, t->next, &m);

		if (m.header.count)
			err = x->send(x->arg, &m,
				      sizeof(m.header) + m.header.count * sizeof(*m.records), m.fds,
				      m.fd_count);
		for (; !err && t->next < next; t->next++)
			if (can_travel(t->sessions[t->next]))
				give(t->sessions[t->next]);
	}
	return err;
}

/* The session ends, and was not sent. */
void travel_forget(struct session *s)
{
	struct travel *t = s->e->travel;

	if (t && s->place < t->count && t->sessions[s->place] == s)
		t->sessions[s->place] = NULL;
}

void udp_export_done(struct udp_engine *e)
{
	struct travel *t = take_ptr(e->travel);

	for (unsigned int i = 0; t && i < t->count; i++)
		if (t->sessions[i] && t->sessions[i]->exported)
			session_leave(t->sessions[i]);
	e->given_away = t;
	free(t);
}

void udp_export_undo(struct udp_engine *e)
{
	struct travel *t = take_ptr(e->travel);

	for (unsigned int i = 0; t && i < t->count; i++) {
		struct session *s = t->sessions[i];

		if (!s || !s->exported)
			continue;
		s->exported = false;
		lane_reclaim(&s->flow);
		if (s->ended)
			session_finish(s, s->late_end, s->late_err);
		else
			session_set_timer(s);
	}
	free(t);
}

/* ---- receiving ---------------------------------------------------------- */

static unsigned int fds_of(const struct travel_record *r)
{
	return 1u + !!(r->flags & TRAVEL_DIRECT) + !!(r->flags & TRAVEL_SOCKS);
}

static bool is_address(const union saddr *a)
{
	return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
}

static bool is_sound(const struct travel_record *r)
{
	return is_address(&r->client) && r->dst.sa.sa_family == r->client.sa.sa_family &&
	       is_address(&r->to);
}

/* The worker that has this listener; without one, any that is always the same. */
static struct udp_engine *engine_of(struct udp_engine *const *engines, unsigned int n,
				    const struct travel_record *r)
{
	for (unsigned int i = 0; i < n; i++)
		if (engine_has_door(engines[i], r->client.sa.sa_family, r->door))
			return engines[i];
	return engines[r->door % n];
}

static void restore(struct session *s, const struct travel_record *r)
{
	s->id = r->id;
	s->begin = r->begin;
	s->last = s->window = r->last;
	s->to_dst = (struct direction){ r->bytes_up, r->datagrams_up, GSO_UNLIMITED, r->up };
	s->to_client =
		(struct direction){ r->bytes_down, r->datagrams_down, GSO_UNLIMITED, r->down };
	s->client_mtu = r->client_mtu;
	s->door = r->door;
	s->client = r->client;
	s->dst = r->dst;
	s->to = r->to;
	s->source = r->source;
	s->answered = r->flags & TRAVEL_ANSWERED;
	s->tuned = r->flags & TRAVEL_TUNED;
	s->own_source = r->flags & TRAVEL_OWN_SOURCE;
	s->loop = r->flags & TRAVEL_LOOP;
	s->df_unseen = r->flags & TRAVEL_DF_UNSEEN;
	s->unfiltered = r->flags & TRAVEL_UNFILTERED;
	s->no_promotion = r->flags & TRAVEL_NO_PROMOTION;
}

/* Counts the flow at its client, whatever the limits say: it was admitted once. */
static int count_flow(struct session *s)
{
	struct engine_context *ctx = s->e->ctx;
	const struct limit_values none = { .source_prefix6 = ctx->settings->limits.source_prefix6 };
	struct lane *lane;
	int err;

	if (lanes_admit(ctx->lanes, &none, &s->client, s->e->w->now, &lane))
		return -ENOMEM;
	err = flowtable_join(&ctx->flows, &s->member, &session_flow_ops);
	if (err) {
		lane_release(lane);
		return err;
	}
	budget_force(&s->e->descriptors, 1);
	lane_join(lane, s->answered ? LANE_UDP_ANSWERED : LANE_UDP_UNANSWERED, &s->flow, s->last);
	return 0;
}

/* Takes the descriptors; those that it cannot use are left to the caller. 0 or -errno. */
static int take_sockets(struct session *s, const struct travel_record *r, int *fds)
{
	int err;

	s->up = (struct io){ .fd = take_fd(fds++), .ready = session_ready };
	s->drops = path_drops(s->up.fd);
	err = worker_watch(s->e->w, &s->up, EPOLLIN);
	if (!err && r->flags & TRAVEL_DIRECT)
		err = direct_adopt(s, fds++);
	if (!err && r->flags & TRAVEL_SOCKS)
		err = socks_adopt(s, fds);
	return err;
}

/* The flow cannot continue here, but its record is written. */
static void write_off(const struct travel_record *r, int err)
{
	struct session s = { 0 };
	struct flow_record record;

	restore(&s, r);
	record = session_record(&s);
	record.end = err ? END_ERROR : END_DRAIN;
	record.err = -err;
	record_flow_end(&record);
}

static int import_session(struct udp_engine *e, const struct travel_record *r, int *fds)
{
	__cleanup_free struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	restore(s, r);
	s->e = e;
	s->path_changes = e->ctx->path_changes - 1; /* there may have been a change meanwhile */
	err = count_flow(s);
	if (err)
		return err;
	session_enter(s);
	err = take_sockets(s, r, fds);
	if (err)
		session_finish(s, END_ERROR, -err);
	else if (!s->socks)
		looplog_note(e->ctx->relay->loops, &(struct looplog_flow){ &s->source, &s->to, 0 },
			     &s->client, e->w->now);
	take_ptr(s);
	return 0;
}

static void import_one(struct udp_engine *e, const struct travel_record *r, int *fds)
{
	bool cone = r->flags & TRAVEL_CONE;
	int err = 0;

	if (!is_sound(r))
		return;
	/* The options may have changed: in a full cone, sessions have other keys. */
	if (cone == e->full_cone && !session_find(e, &r->client, &r->dst))
		err = import_session(e, r, fds);
	else
		write_off(r, 0);
	if (err)
		write_off(r, err);
}

int udp_import(struct udp_engine *const *engines, unsigned int n, const void *msg, size_t len,
	       int *fds, unsigned int fd_count)
{
	const struct travel_header *header = msg;
	const struct travel_record *r = (const void *)(header + 1);
	unsigned int used = 0;

	if (len < sizeof(*header) || header->version != TRAVEL_VERSION ||
	    header->record_size != sizeof(*r) || header->count > RECORDS_MAX ||
	    len != sizeof(*header) + header->count * sizeof(*r))
		return -EPROTO;
	for (unsigned int i = 0; i < header->count; i++, r++) {
		if (used + fds_of(r) > fd_count)
			return -EPROTO;
		import_one(engine_of(engines, n, r), r, fds + used);
		used += fds_of(r);
	}
	return 0;
}
