/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Relays the datagrams of a session, both ways, and counts them. Must not know the table of
 * sessions and their time-outs.
 */
#include <sys/epoll.h>

#include "relay/config/settings.h"
#include "relay/udp/session.h"
#include "relay/udp/socks.h"

/* Bounds the reads of one event, so that a flood of one destination does not starve the others. */
#define READS_PER_WAKE 4
#define REVIEW_DROPS_MS 250

/* Counts what became of the train, and empties it. */
static void train_account(struct session *s, struct direction *lane)
{
	struct train *t = &s->e->train;

	lane->bytes += t->sent_bytes;
	lane->datagrams += t->sent;
	s->e->ctx->stats.lost_datagrams += t->lost;
	direct_count_datagrams(s, t->count);
	train_reset(t);
}

/* server: the sender of the answer. */
static void report_too_big_to_server(struct session *s, const union saddr *server, uint32_t mtu)
{
	struct path_limit limit = { mtu, s->e->ctx->relay->binding.vrf };

	if (!s->socks)
		error_send_too_big(s->e, server, &s->source, &limit);
}

void session_review_drops(struct session *s)
{
	uint32_t drops;

	if (!session_is_filtered(s) || s->e->full_cone)
		return;
	drops = path_drops(s->up.fd);
	if (drops != s->drops)
		report_too_big_to_server(s, &s->to, s->client_mtu);
	s->drops = drops;
}

/* Also skips what follows in the train and is as long. */
static void skip_too_big(struct session *s, uint32_t mtu)
{
	uint32_t headers = path_headers(s->client.sa.sa_family);

	train_skip_above(&s->e->train, mtu > headers ? mtu - headers : 0);
}

/*
 * An IPv6 datagram larger than the client's link came in fragments: a bridge's netfilter has
 * reassembled them (br_netfilter), and cleared the note of that in IP6CB. It may leave in fragments
 * as it came. To be asked only when something does not fit.
 */
static bool was_reassembled(const struct session *s)
{
	uint32_t link = s->client.sa.sa_family == AF_INET6 ?
				path_mtu(&s->client, s->e->ctx->relay->binding.in) :
				0;

	return link && s->e->train.segment + path_headers(AF_INET6) > link;
}

/* A datagram is too big for the path to dst: forwards it in fragments, or reports to its sender. */
static void too_big_for_dst(struct session *s, const union saddr *dst,
			    const struct path_limit *limit)
{
	struct train *t = &s->e->train;

	if (t->fields.df == DF_FORBIDDEN && was_reassembled(s)) {
		t->fields.df = DF_ALLOWED;
		ip_fields_set(s->up.fd, s->to.sa.sa_family, &s->to_dst.fields, &t->fields);
		return;
	}
	error_send_too_big(s->e, &s->client, dst, limit);
	skip_too_big(s, limit->mtu);
}

static int send_to_dst(struct session *s, const union saddr *dst)
{
	struct train *t = &s->e->train;
	struct train_way way = { .fd = s->up.fd,
				 .to = s->e->full_cone ? dst : NULL,
				 .gso_limit = &s->to_dst.gso_limit };

	ip_fields_set(s->up.fd, s->to.sa.sa_family, &s->to_dst.fields, &t->fields);
	return train_send(t, &way);
}

bool session_flush_to_dst(struct session *s, const union saddr *dst)
{
	struct train *t = &s->e->train;
	int err;

	if (!t->count)
		return true;
	if (s->path_changes != s->e->ctx->path_changes)
		session_review_path(s);
	/* The filter may drop the answer to this one. */
	if (session_is_filtered(s))
		timer_set(&s->e->w->wheel, &s->timer, s->e->w->now + REVIEW_DROPS_MS);
	if (s->socks)
		socks_send(s->socks, s->e->full_cone ? dst : &s->to, t);
	/* The error may be that of an earlier datagram, so this one gets a second try. */
	for (unsigned int tries = 0; !s->socks && (err = send_to_dst(s, dst)); tries++) {
		struct path_limit limit = { .device = s->e->ctx->relay->binding.in };

		if (!error_take_server(s, -err, &limit.mtu)) {
			train_reset(t);
			return false;
		}
		if (session_path_failed(s, err))
			continue;
		if (err == -EMSGSIZE && limit.mtu)
			too_big_for_dst(s, dst, &limit);
		else if (tries)
			train_skip(t);
	}
	train_account(s, &s->to_dst);
	return true;
}

/* Shortens the run to what the bandwidth allows, and drops the rest. False: nothing is left. */
static bool shape(struct session *s, enum bandwidth_way way, struct run *run)
{
	struct bandwidth_flow flow = { .limits = &s->e->ctx->settings->limits,
				       .way = way,
				       .use = BANDWIDTH_UDP,
				       .now_ms = s->e->w->now };
	size_t size = run->segment ? run->segment : run->len;
	size_t room;

	if (!lane_is_limited(flow.limits) || !run->len)
		return true;
	room = lane_room(s->flow.lane, &flow);
	if (room < run->len) {
		size_t rest = run->len - room / size * size;

		s->e->ctx->stats.over_bandwidth += (rest + size - 1) / size;
		run->len -= rest;
	}
	lane_spend(s->flow.lane, &flow, run->len);
	return run->len;
}

bool session_to_dst(struct session *s, const union saddr *dst, struct run run)
{
	if (!shape(s, BANDWIDTH_UP, &run))
		return true;
	while (!train_add(&s->e->train, &run))
		if (!session_flush_to_dst(s, dst))
			return false;
	return true;
}

static void answer_too_big(struct session *s, const union saddr *server, uint32_t mtu)
{
	session_narrow(s, mtu);
	report_too_big_to_server(s, server, mtu);
	skip_too_big(s, mtu);
}

/* False: the session has ended. */
static bool send_direct(struct session *s)
{
	struct udp_engine *e = s->e;
	struct train_way way = { .fd = direct_fd(s->direct), .gso_limit = &s->to_client.gso_limit };
	int err;

	ip_fields_set(way.fd, s->client.sa.sa_family, &s->to_client.fields, &e->train.fields);
	for (unsigned int tries = 0; (err = train_send(&e->train, &way)); tries++) {
		uint32_t mtu = 0;

		if (!error_take_client(e, way.fd, &s->dst, s, &mtu))
			return false;
		if (err == -EMSGSIZE && mtu)
			answer_too_big(s, &s->to, mtu);
		else if (tries)
			train_skip(&e->train);
	}
	return true;
}

/*
 * Anybody can send to a full cone, from any port. A socket for each port would keep it from other
 * programs.
 */
static void send_uninvited(struct session *s, const union saddr *from)
{
	struct udp_engine *e = s->e;
	struct reply_way way = { .from = from, .client = &s->client, .mtu = s->client_mtu };
	uint32_t mtu;

	while ((mtu = reply_send_raw(e->replies, &way, &e->train)))
		answer_too_big(s, from, mtu);
}

/* from: the source address of the answer. Without memory the train is lost. */
static void send_shared(struct session *s, const union saddr *from)
{
	struct udp_engine *e = s->e;
	struct reply *reply = s->reply;
	struct reply_way way = { .from = from,
				 .client = &s->client,
				 .gso_limit = &s->to_client.gso_limit,
				 .mtu = s->client_mtu };
	uint32_t mtu;

	if (!reply && reply_get(e->replies, from, &reply)) {
		e->train.lost = e->train.count;
		return;
	}
	while ((mtu = reply_send(reply, &way, &e->train)))
		answer_too_big(s, e->full_cone ? from : &s->to, mtu);
	s->reply = reply;
}

/* False: the session has ended. */
static bool flush_to_client(struct session *s, const union saddr *from)
{
	if (!s->e->train.count)
		return true;
	if (s->direct && !send_direct(s)) {
		train_reset(&s->e->train);
		return false;
	}
	if (s->e->full_cone && !saddr_equal(from, &s->dst))
		send_uninvited(s, from);
	else if (!s->direct)
		send_shared(s, from);
	train_account(s, &s->to_client);
	return true;
}

static bool to_client(struct session *s, const union saddr *from, struct run run)
{
	if (!shape(s, BANDWIDTH_DOWN, &run))
		return true;
	while (!train_add(&s->e->train, &run))
		if (!flush_to_client(s, from))
			return false;
	return true;
}

/* The source address that the client shall see. False: it is no answer. */
static bool answer_from(struct session *s, int i, struct run *run, union saddr *ret_from)
{
	struct udp_engine *e = s->e;
	const union saddr *from = batch_from(e->batch, i);

	*ret_from = *from;
	if (s->socks && !socks_unwrap(s->socks, run, ret_from))
		return false;
	if (e->full_cone)
		return true;
	/* Between inet_autobind, which chooses the port, and connect, anybody can send to a socket. */
	if (!saddr_equal(ret_from, &s->to))
		return false;
	*ret_from = s->dst;
	return true;
}

/*
 * Where the DF bit is not known: sends as if it were set, unless the answer is too big and has
 * passed the filter. False: it was dropped.
 */
static bool choose_df(struct session *s, int i, struct run *run)
{
	size_t size = run->segment ? run->segment : run->len;

	if (run->fields.df != DF_UNKNOWN)
		return true;
	s->df_unseen = true;
	run->fields.df = DF_FORBIDDEN;
	if (!s->client_mtu || size + path_headers(s->client.sa.sa_family) <= s->client_mtu)
		return true;
	run->fields.df = DF_ALLOWED;
	if (!s->unfiltered)
		return true;
	report_too_big_to_server(s, batch_from(s->e->batch, i), s->client_mtu);
	s->e->ctx->stats.lost_datagrams++;
	return false;
}

/* The IP header of a SOCKS server's datagram is its own, and says nothing about the answer. */
static bool prepare_fields(struct session *s, int i, struct run *run)
{
	struct udp_engine *e = s->e;

	if (s->socks) {
		run->fields = (struct ip_fields){ .df = DF_ALLOWED };
		return true;
	}
	if (engine_count_hop(e, &run->fields))
		return choose_df(s, i, run);
	error_send_expired(e, batch_from(e->batch, i), &s->source, e->ctx->relay->binding.vrf);
	return false;
}

/* Relays one batch. False: the session has ended. */
static bool relay_answers(struct session *s, int n)
{
	union saddr last = { 0 };
	bool answered = false;

	for (int i = 0; i < n; i++) {
		struct run run = batch_run(s->e->batch, i);
		union saddr from;

		if (!answer_from(s, i, &run, &from) || !prepare_fields(s, i, &run))
			continue;
		if (s->e->full_cone && answered && !saddr_equal(&from, &last) &&
		    !flush_to_client(s, &last))
			return false;
		answered = true;
		last = from;
		if (!to_client(s, &from, run))
			return false;
	}
	if (answered && !flush_to_client(s, &last))
		return false;
	if (answered)
		session_answered(s);
	return true;
}

void session_ready(struct io *io, uint32_t events)
{
	struct session *s = container_of(io, struct session, up);
	struct udp_engine *e = s->e;
	uint32_t mtu;

	if ((events & EPOLLERR) && !error_take_server(s, 0, &mtu))
		return;
	for (int i = 0; i < READS_PER_WAKE; i++) {
		bool unfiltered = s->unfiltered;
		int n = batch_receive(e->batch, io->fd);

		if (n < 0) {
			error_take_server(s, -n, &mtu);
			return;
		}
		if (!relay_answers(s, n))
			return;
		/* The socket was empty: all that comes from now on has passed the filter. */
		if (unfiltered && !batch_was_full(e->batch))
			s->unfiltered = false;
		if (!batch_was_full(e->batch))
			break;
	}
	session_review_drops(s);
	direct_promote_waiting(e);
}

void session_read_former(struct session *s, int fd)
{
	struct udp_engine *e = s->e;
	int n = batch_receive(e->batch, fd);

	if (n > 0 && relay_answers(s, n))
		direct_promote_waiting(e);
}
