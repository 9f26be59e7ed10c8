/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors of a flow: what ICMP says of one side is told to the other, as if the
 * datagram had gone straight. Sockets towards destinations have IP_RECVERR, or the
 * kernel would hide all but the fatal errors, and what they said.
 */
#include <net/if.h> /* linux/icmp.h brings linux/if.h, which must come second */
#include <time.h>

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <string.h>

#include "relay/icmpquote.h"
#include "relay/rawicmp.h"
#include "relay/sockopt.h"
#include "relay/udpflow.h"

#define ERRORS_AT_ONCE 32 /* a queue can be refilled as fast as it is read */

/* Without it ends learn of errors by silence. */
static void send_error(struct udp_engine *e, const struct icmp_error *error)
{
	if (!e->icmp)
		e->icmp = rawicmp_new();
	if (e->icmp && !rawicmp_send(e->icmp, error, e->w->now))
		e->w->stats.icmp_errors++;
}

/* The destination's port, or the protocol, is closed: there is nobody to talk to. */
static bool ends_flow(int err)
{
	return err == ECONNREFUSED || err == ENOPROTOOPT;
}

/*
 * Somebody ended the flow by SOCK_DESTROY, as detach does: udp_abort leaves the socket
 * without a peer, and without a port that it had not been bound to. What a send says then
 * comes second.
 */
static bool is_destroyed(int err)
{
	return err == ECONNABORTED || err == EDESTADDRREQ;
}

/* One entry of an error queue. */
struct queued_error {
	struct sock_extended_err ee; /* ee_errno 0: not from the network */
	union saddr to;		     /* where the datagram was going */
	union saddr reporter;	     /* family 0: not known */
};

static void take_reporter(struct queued_error *q, const struct sock_extended_err *ee)
{
	const struct sockaddr *from = SO_EE_OFFENDER(ee);

	q->ee = *ee;
	if (from->sa_family == AF_INET)
		memcpy(&q->reporter, from, sizeof(q->reporter.v4));
	else if (from->sa_family == AF_INET6)
		memcpy(&q->reporter, from, sizeof(q->reporter.v6));
}

/* False: the queue is empty. */
static bool take_one(int fd, struct queued_error *q)
{
	char control[512] __attribute__((aligned(8)));
	uint8_t data[1]; /* the datagram itself, of which nothing is needed */
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_name = &q->to,
			      .msg_namelen = sizeof(q->to),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };

	memset(q, 0, sizeof(*q));
	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		bool v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
		bool v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;
		const struct sock_extended_err *ee = (const void *)CMSG_DATA(c);

		if ((v4 || v6) && (ee->ee_origin == SO_EE_ORIGIN_ICMP ||
				   ee->ee_origin == SO_EE_ORIGIN_ICMP6))
			take_reporter(q, ee);
	}
	return true;
}

/* src: who sent the datagram, and gets the error, by device; dst: where it went, as src sees it. */
static void pass_on(struct udp_engine *e, const struct queued_error *q, const union saddr *src,
		    const union saddr *dst, int device)
{
	struct icmp_error error = { .type = q->ee.ee_type,
				    .code = q->ee.ee_code,
				    .info = q->ee.ee_info,
				    .reporter = q->reporter,
				    .src = *src,
				    .dst = *dst,
				    .device = device };

	send_error(e, &error);
}

bool session_take_errors(struct session *s, int err)
{
	int fatal = ends_flow(err) ? err : 0, pending;
	struct queued_error q;

	for (int i = 0; i < ERRORS_AT_ONCE && take_one(s->up.fd, &q); i++) {
		if (ends_flow((int)q.ee.ee_errno))
			fatal = (int)q.ee.ee_errno;
		/* A SOCKS server's troubles are not the client's. */
		if (q.ee.ee_errno && !s->socks)
			pass_on(s->e, &q, &s->client, s->e->full_cone ? &q.to : &s->dst,
				s->e->w->relay->binding.in);
	}
	/* The pending error outlives its entry if it came while we read. */
	pending = sockopt_error(s->up.fd);
	/* In a full cone one closed port says nothing of the other destinations. */
	if (s->e->full_cone)
		fatal = 0;
	if (is_destroyed(err) || is_destroyed(pending))
		fatal = ECONNABORTED;
	if (!fatal)
		return true;
	session_finish(s, END_ERROR, fatal);
	return false;
}

/* Which of the flows of a socket on an original destination it concerns, tells q->to. */
static struct session *concerned(struct udp_engine *e, const struct queued_error *q,
				 const union saddr *dst)
{
	return q->ee.ee_errno ? session_find(e, &q->to, dst) : NULL;
}

/* What a client's side says of an answer to it. False: that ended the flow. */
static bool take_client_error(struct session *s, const struct queued_error *q,
			      const union saddr *dst)
{
	struct udp_engine *e = s->e;
	int err = (int)q->ee.ee_errno;

	if (!s->socks)
		pass_on(e, q, e->full_cone ? dst : &s->to, &s->source, e->w->relay->binding.vrf);
	if (!ends_flow(err) || e->full_cone)
		return true;
	session_finish(s, END_ERROR, err);
	return false;
}

bool udp_take_client_errors(struct udp_engine *e, int fd, const union saddr *dst,
			    const struct session *s)
{
	struct queued_error q;
	bool alive = true;

	for (int i = 0; i < ERRORS_AT_ONCE && take_one(fd, &q); i++) {
		struct session *whose = concerned(e, &q, dst);

		if (whose && !take_client_error(whose, &q, dst))
			alive = alive && whose != s;
	}
	sockopt_error(fd);
	return alive;
}

/* As icmp_err_convert and icmpv6_err_convert, of those that end flows. */
static int errno_of(const struct icmp_quote *quote)
{
	bool v4 = quote->src.sa.sa_family == AF_INET;

	if (quote->type != (v4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH))
		return EHOSTUNREACH;
	if (quote->code == (v4 ? ICMP_PORT_UNREACH : ICMPV6_PORT_UNREACH))
		return ECONNREFUSED;
	return v4 && quote->code == ICMP_PROT_UNREACH ? ENOPROTOOPT : EHOSTUNREACH;
}

/* A promoted flow has a socket that the kernel gives the same error to. */
void udp_take_quoted_error(struct udp_engine *e, const struct icmp_quote *quote,
			   const union saddr *reporter)
{
	struct session *s = session_find(e, &quote->dst, &quote->src);
	struct queued_error q = { .ee = { .ee_errno = (uint32_t)errno_of(quote),
					  .ee_type = quote->type,
					  .ee_code = quote->code,
					  .ee_info = quote->mtu },
				  .reporter = *reporter };

	if (s && !s->direct)
		take_client_error(s, &q, &quote->src);
}

static void fill_unreachable(struct icmp_error *error, int code4, int code6)
{
	bool v4 = error->src.sa.sa_family == AF_INET;

	error->type = v4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH;
	error->code = (uint8_t)(v4 ? code4 : code6);
}

void udp_tell_expired(struct udp_engine *e, const union saddr *sender, const union saddr *dst,
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

void udp_tell_unreachable(struct udp_engine *e, const union saddr *client,
			  const union saddr *dst, int err)
{
	struct icmp_error error = { .src = *client,
				    .dst = *dst,
				    .device = e->w->relay->binding.in };

	if (err == ENETUNREACH)
		fill_unreachable(&error, ICMP_NET_UNREACH, ICMPV6_NOROUTE);
	else if (err == EHOSTUNREACH)
		fill_unreachable(&error, ICMP_HOST_UNREACH, ICMPV6_ADDR_UNREACH);
	else
		return;
	send_error(e, &error);
}
