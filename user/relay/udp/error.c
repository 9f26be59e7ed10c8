/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors of a flow: forwards the ICMP errors of one side to the other, as if the datagram had gone
 * there directly. Must not relay datagrams. Sockets towards destinations have IP_RECVERR; without
 * it the kernel would hide all errors that are not fatal, and the contents of those that are.
 */
#include <net/if.h> /* linux/icmp.h brings linux/if.h, which must come second */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <string.h>

#include "relay/net/errqueue.h"
#include "relay/net/icmpquote.h"
#include "relay/net/rawicmp.h"
#include "relay/net/sockopt.h"
#include "relay/udp/session.h"

#define FORWARD_EVERY_MS 100

/* Best effort: without the error the end waits for its time-out. */
static void send_error(struct udp_engine *e, const struct icmp_error *error)
{
	if (!e->icmp)
		e->icmp = rawicmp_new();
	if (e->icmp && !rawicmp_send(e->icmp, error, e->w->now))
		e->ctx->stats.icmp_errors++;
}

/* The port, or the protocol, is closed at the destination. */
static bool ends_flow(int err)
{
	return err == ECONNREFUSED || err == ENOPROTOOPT;
}

/*
 * SOCK_DESTROY ended the flow, as detach does: udp_abort reports the first error and leaves the
 * socket without a peer, and without a port unless it was bound to one. The next send reports the
 * second one.
 */
static bool is_destroyed(int err)
{
	return err == ECONNABORTED || err == EDESTADDRREQ;
}

/* The TTL of errors in a socket's queue is not known; one that circulates must become slow. */
static bool may_forward(struct session *s, const struct queued_error *q)
{
	if (q->ttl)
		return true;
	if (s->error_sent && s->e->w->now - s->error_sent < FORWARD_EVERY_MS)
		return false;
	s->error_sent = s->e->w->now;
	return true;
}

/* src sent the datagram, and gets the error by device; dst: its destination, as src sees it. */
static void forward_error(struct session *s, const struct queued_error *q, const union saddr *src,
			  const union saddr *dst, int device)
{
	struct icmp_error error = { .type = q->ee.ee_type,
				    .code = q->ee.ee_code,
				    .info = q->ee.ee_info,
				    .reporter = q->reporter,
				    .src = *src,
				    .dst = *dst,
				    .ttl = q->ttl,
				    .device = device };

	if (may_forward(s, q))
		send_error(s->e, &error);
}

bool error_take_server(struct session *s, int err, uint32_t *ret_mtu)
{
	int fatal = ends_flow(err) ? err : 0, pending;
	struct queued_error q;

	for (int i = 0; i < ERRORS_AT_ONCE && errqueue_take(s->up.fd, &q); i++) {
		if (ends_flow((int)q.ee.ee_errno))
			fatal = (int)q.ee.ee_errno;
		if (q.mtu)
			*ret_mtu = q.mtu;
		/* Errors about the way to a SOCKS server are not for the client. */
		if (q.ee.ee_errno && !s->socks)
			forward_error(s, &q, &s->client, s->e->full_cone ? &q.to : &s->dst,
				      s->e->ctx->relay->binding.in);
	}
	/* An error that came while we read is still pending without its entry. */
	pending = sockopt_error(s->up.fd);
	/* In a full cone one closed port says nothing about other destinations. */
	if (s->e->full_cone)
		fatal = 0;
	if (is_destroyed(err) || is_destroyed(pending))
		fatal = ECONNABORTED;
	if (!fatal)
		return true;
	session_finish(s, END_ERROR, fatal);
	return false;
}

/* The flow, of those on a socket on an original destination, whose client is q->to. */
static struct session *session_of_error(struct udp_engine *e, const struct queued_error *q,
					const union saddr *dst)
{
	return q->ee.ee_errno ? session_find(e, &q->to, dst) : NULL;
}

static bool is_too_big(const struct queued_error *q)
{
	if (q->ee.ee_origin == SO_EE_ORIGIN_ICMP)
		return q->ee.ee_type == ICMP_DEST_UNREACH && q->ee.ee_code == ICMP_FRAG_NEEDED;
	return q->ee.ee_origin == SO_EE_ORIGIN_ICMP6 && q->ee.ee_type == ICMPV6_PKT_TOOBIG;
}

/* An error about an answer to the client. False: the flow has ended. */
static bool take_client_error(struct session *s, const struct queued_error *q,
			      const union saddr *dst)
{
	struct udp_engine *e = s->e;
	int err = (int)q->ee.ee_errno;

	/* Until the destination sends smaller datagrams, and it may never do that. */
	if (is_too_big(q))
		session_narrow(s, q->ee.ee_info);
	if (!s->socks)
		forward_error(s, q, e->full_cone ? dst : &s->to, &s->source,
			      e->ctx->relay->binding.vrf);
	if (!ends_flow(err) || e->full_cone)
		return true;
	session_finish(s, END_ERROR, err);
	return false;
}

bool error_take_client(struct udp_engine *e, int fd, const union saddr *dst,
		       const struct session *s, uint32_t *ret_mtu)
{
	struct queued_error q;
	bool alive = true;

	for (int i = 0; i < ERRORS_AT_ONCE && errqueue_take(fd, &q); i++) {
		struct session *whose = session_of_error(e, &q, dst);

		if (q.mtu)
			*ret_mtu = q.mtu;
		if (whose && !take_client_error(whose, &q, dst))
			alive = alive && whose != s;
	}
	sockopt_error(fd);
	return alive;
}

/* As icmp_err_convert and icmpv6_err_convert for the errors that end flows. */
static int errno_of(const struct icmp_quote *quote)
{
	bool v4 = quote->src.sa.sa_family == AF_INET;

	if (quote->type != (v4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH))
		return EHOSTUNREACH;
	if (quote->code == (v4 ? ICMP_PORT_UNREACH : ICMPV6_PORT_UNREACH))
		return ECONNREFUSED;
	return v4 && quote->code == ICMP_PROT_UNREACH ? ENOPROTOOPT : EHOSTUNREACH;
}

/* A promoted flow gets the same error from its socket. */
void error_take_quoted(struct udp_engine *e, const struct icmp_quote *quote,
		       const union saddr *reporter, uint8_t ttl)
{
	struct session *s = session_find(e, &quote->dst, &quote->src);
	bool v4 = quote->src.sa.sa_family == AF_INET;
	struct queued_error q = { .ee = { .ee_errno = (uint32_t)errno_of(quote),
					  .ee_origin = v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
					  .ee_type = quote->type,
					  .ee_code = quote->code,
					  .ee_info = quote->mtu },
				  .reporter = *reporter,
				  .ttl = ttl };

	if (s && !s->direct)
		take_client_error(s, &q, &quote->src);
}

static void fill_unreachable(struct icmp_error *error, int code4, int code6)
{
	bool v4 = error->src.sa.sa_family == AF_INET;

	error->type = v4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH;
	error->code = (uint8_t)(v4 ? code4 : code6);
}

void error_send_too_big(struct udp_engine *e, const union saddr *sender, const union saddr *dst,
			const struct path_limit *limit)
{
	bool v4 = sender->sa.sa_family == AF_INET;
	struct icmp_error error = { .type = v4 ? ICMP_DEST_UNREACH : ICMPV6_PKT_TOOBIG,
				    .code = v4 ? ICMP_FRAG_NEEDED : 0,
				    .info = limit->mtu,
				    .src = *sender,
				    .dst = *dst,
				    .device = limit->device };

	send_error(e, &error);
}

void error_send_expired(struct udp_engine *e, const union saddr *sender, const union saddr *dst,
			int device)
{
	bool v4 = sender->sa.sa_family == AF_INET;
	struct icmp_error error = { .type = v4 ? ICMP_TIME_EXCEEDED : ICMPV6_TIME_EXCEED,
				    .code = v4 ? ICMP_EXC_TTL : ICMPV6_EXC_HOPLIMIT,
				    .src = *sender,
				    .dst = *dst,
				    .device = device };

	send_error(e, &error);
}

void error_send_unreachable(struct udp_engine *e, const union saddr *client, const union saddr *dst,
			    int err)
{
	struct icmp_error error = { .src = *client,
				    .dst = *dst,
				    .device = e->ctx->relay->binding.in };

	if (err == ENETUNREACH)
		fill_unreachable(&error, ICMP_NET_UNREACH, ICMPV6_NOROUTE);
	else if (err == EHOSTUNREACH)
		fill_unreachable(&error, ICMP_HOST_UNREACH, ICMPV6_ADDR_UNREACH);
	else
		return;
	send_error(e, &error);
}
