/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The datagrams of a session, both ways. Counts them; knows no table and no time-out.
 */
#include <sys/epoll.h>

#include "relay/udpflow.h"
#include "relay/udpsocks.h"

/* Reads of one wake-up: a flood of one destination must not starve the others. */
#define READS_PER_WAKE 4

/* Books what became of the train and empties it. */
static void train_account(struct session *s, struct udp_lane *lane)
{
	struct udp_train *t = &s->e->train;

	lane->bytes += t->sent_bytes;
	lane->datagrams += t->sent;
	s->e->w->stats.lost_datagrams += t->lost;
	direct_count_datagrams(s, t->count);
	udp_train_reset(t);
}

bool session_flush_to_dst(struct session *s, const union saddr *dst)
{
	struct udp_train *t = &s->e->train;
	struct udp_way way = { .fd = s->up.fd,
			       .to = s->e->full_cone ? dst : NULL,
			       .gso_limit = &s->to_dst.gso_limit };
	int err;

	if (!t->count)
		return true;
	if (s->socks)
		udp_socks_send(s->socks, s->e->full_cone ? dst : &s->to, t);
	else
		ip_fields_set(s->up.fd, s->to.sa.sa_family, &s->to_dst.fields, &t->fields);
	/* An error may be that of an earlier datagram: this one gets a second try. */
	for (unsigned int tries = 0; !s->socks && (err = udp_train_send(t, &way)); tries++) {
		if (!session_take_errors(s, -err)) {
			udp_train_reset(t);
			return false;
		}
		if (tries)
			udp_train_skip(t);
	}
	train_account(s, &s->to_dst);
	return true;
}

bool session_to_dst(struct session *s, const union saddr *dst, struct udp_run run)
{
	while (!udp_train_add(&s->e->train, &run))
		if (!session_flush_to_dst(s, dst))
			return false;
	return true;
}

/* False: the session has ended. */
static bool send_direct(struct session *s)
{
	struct udp_engine *e = s->e;
	struct udp_way way = { .fd = direct_fd(s->direct), .gso_limit = &s->to_client.gso_limit };

	ip_fields_set(way.fd, s->client.sa.sa_family, &s->to_client.fields, &e->train.fields);
	for (unsigned int tries = 0; udp_train_send(&e->train, &way); tries++) {
		if (!udp_take_client_errors(e, way.fd, &s->dst, s))
			return false;
		if (tries)
			udp_train_skip(&e->train);
	}
	return true;
}

/* from: the address the answer has to come from. Without memory the train is lost. */
static void send_shared(struct session *s, const union saddr *from)
{
	struct udp_engine *e = s->e;
	struct reply *reply = s->reply;
	struct reply_way way = { .from = from,
				 .client = &s->client,
				 .gso_limit = &s->to_client.gso_limit };

	if (!reply && reply_get(e->replies, from, &reply)) {
		e->train.lost = e->train.count;
		return;
	}
	reply_send(reply, &way, &e->train);
	if (e->full_cone)
		reply_put(reply);
	else
		s->reply = reply;
}

/* False: the session has ended. */
static bool flush_to_client(struct session *s, const union saddr *from)
{
	if (!s->e->train.count)
		return true;
	if (s->direct && !send_direct(s)) {
		udp_train_reset(&s->e->train);
		return false;
	}
	if (!s->direct)
		send_shared(s, from);
	train_account(s, &s->to_client);
	return true;
}

static bool to_client(struct session *s, const union saddr *from, struct udp_run run)
{
	while (!udp_train_add(&s->e->train, &run))
		if (!flush_to_client(s, from))
			return false;
	return true;
}

/* Who sent it, as the client is to see it. False: it is nobody's answer. */
static bool answer_from(struct session *s, int i, struct udp_run *run, union saddr *ret_from)
{
	struct udp_engine *e = s->e;
	const union saddr *from = udp_batch_from(e->batch, i);

	*ret_from = *from;
	if (s->socks && !udp_socks_unwrap(s->socks, from, run, ret_from))
		return false;
	if (e->full_cone)
		return true;
	/* Between bind and connect a socket takes datagrams from anybody. */
	if (!saddr_equal(ret_from, &s->to))
		return false;
	*ret_from = s->dst;
	return true;
}

/* What a SOCKS server sends is a datagram of its own, whose headers say nothing of the answer. */
static bool hop_of_answer(struct session *s, int i, struct udp_run *run)
{
	struct udp_engine *e = s->e;

	if (s->socks) {
		run->fields = (struct ip_fields){ .df = DF_ALLOWED };
		return true;
	}
	if (udp_hop(e, &run->fields))
		return true;
	udp_tell_expired(e, udp_batch_from(e->batch, i), &s->source, e->w->relay->binding.vrf);
	return false;
}

/* Works off one batch. False: the session has ended. */
static bool relay_answers(struct session *s, int n)
{
	union saddr last = { 0 };
	bool answered = false;

	for (int i = 0; i < n; i++) {
		struct udp_run run = udp_batch_run(s->e->batch, i);
		union saddr from;

		if (!answer_from(s, i, &run, &from) || !hop_of_answer(s, i, &run))
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

	if ((events & EPOLLERR) && !session_take_errors(s, 0))
		return;
	for (int i = 0; i < READS_PER_WAKE; i++) {
		int n = udp_batch_receive(e->batch, io->fd);

		if (n < 0) {
			session_take_errors(s, -n);
			return;
		}
		if (!relay_answers(s, n))
			return;
		if (!udp_batch_was_full(e->batch))
			break;
	}
	direct_promote_waiting(e);
}
