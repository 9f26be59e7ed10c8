/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receives ICMP errors about answers that left through a shared socket. No socket has the address
 * of such an answer, so the kernel delivers its errors to none. Raw sockets hear all errors that
 * reach this host. Those that the data path kept here carry its mark, and each worker finds its own
 * flows by the quoted datagram. Needs CAP_NET_RAW and SO_RCVMARK; without them clients' errors are
 * not forwarded. Must not send anything.
 */
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/log/record.h"
#include "relay/net/icmpquote.h"
#include "relay/net/sockopt.h"
#include "relay/udp/session.h"

/* RFC 1812 4.3.2.3. IPv6 quotes up to 1280 bytes, of which the rest does not matter. */
#define QUOTE_SIZE 576
#define READS_PER_WAKE 64
#define CONTROL_SIZE 256

#ifndef ICMP_FILTER /* linux/icmp.h has it, which cannot be included beside netinet/ip_icmp.h */
#define ICMP_FILTER 1
#endif

/* Bits of v4 are the types that are filtered out. */
static int filter_errors(int fd, sa_family_t family)
{
	uint32_t v4 =
		~(1U << ICMP_DEST_UNREACH | 1U << ICMP_TIME_EXCEEDED | 1U << ICMP_PARAMETERPROB);
	struct icmp6_filter v6;

	if (family == AF_INET)
		return setsockopt(fd, SOL_RAW, ICMP_FILTER, &v4, sizeof(v4)) ? -errno : 0;
	ICMP6_FILTER_SETBLOCKALL(&v6);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &v6);
	ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &v6);
	ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &v6);
	ICMP6_FILTER_SETPASS(ICMP6_PARAM_PROB, &v6);
	return setsockopt(fd, SOL_ICMPV6, ICMP6_FILTER, &v6, sizeof(v6)) ? -errno : 0;
}

static int open_raw(sa_family_t family, int device)
{
	int proto = family == AF_INET ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6;
	__cleanup_close int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
	int err;

	if (fd < 0)
		return -errno;
	err = filter_errors(fd, family);
	if (!err)
		err = sockopt_on(fd, SOL_SOCKET, SO_RCVMARK);
	if (!err)
		err = family == AF_INET ? sockopt_on(fd, SOL_IP, IP_RECVTTL) :
					  sockopt_on(fd, SOL_IPV6, IPV6_RECVHOPLIMIT);
	if (!err)
		err = sockopt_device(fd, device);
	return err ? err : take_fd(&fd);
}

/* Bytes read, or -errno. */
static ssize_t receive(int fd, struct iovec *packet, union saddr *from,
		       struct ip_fields_reading *fields)
{
	char control[CONTROL_SIZE] __attribute__((aligned(8)));
	struct msghdr msg = { .msg_name = from,
			      .msg_namelen = sizeof(*from),
			      .msg_iov = packet,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n;

	memset(from, 0, sizeof(*from));
	memset(fields, 0, sizeof(*fields));
	n = recvmsg(fd, &msg, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		ip_fields_read(fields, c);
	return n;
}

static int watch(struct udp_engine *e, struct udp_listener *l, sa_family_t family);

/* SOCK_DESTROY takes a raw socket out of the kernel's table (raw_abort). Flows do not need it. */
static void replace(struct udp_listener *l)
{
	sa_family_t family = l == l->e->icmp_listeners ? AF_INET : AF_INET6;
	int err;

	worker_close_io(&l->io);
	err = watch(l->e, l, family);
	if (err)
		record_say(RECORD_WARN, "udp: clients' ICMP errors are no longer forwarded: %s",
			   strerror(-err));
}

static void icmp_ready(struct io *io, uint32_t events)
{
	struct udp_listener *l = container_of(io, struct udp_listener, io);
	struct udp_engine *e = l->e;
	uint64_t marks = atomic_load_explicit(&e->ctx->relay->pinned.marks, memory_order_relaxed);
	uint8_t data[QUOTE_SIZE];
	struct icmp_quote quote;

	if (events & EPOLLERR && sockopt_error(io->fd) == ECONNABORTED) {
		replace(l);
		return;
	}
	for (int i = 0; i < READS_PER_WAKE; i++) {
		struct iovec packet = { data, sizeof(data) };
		struct ip_fields_reading fields;
		union saddr from;
		ssize_t n = receive(io->fd, &packet, &from, &fields);

		if (n < 0)
			return;
		/* As at a router, a packet with a TTL of 1 ends here. */
		if (fields.ttl > 1 && kept_here(marks, fields.mark) &&
		    icmp_quote_read(from.sa.sa_family, data, (size_t)n, &quote))
			error_take_quoted(e, &quote, &from, (uint8_t)(fields.ttl - 1));
	}
}

static int watch(struct udp_engine *e, struct udp_listener *l, sa_family_t family)
{
	int fd = open_raw(family, e->ctx->relay->binding.in);
	int err = fd < 0 ? fd : 0;

	l->e = e;
	l->io = (struct io){ .fd = fd, .ready = icmp_ready };
	if (!err)
		err = worker_watch(e->w, &l->io, EPOLLIN);
	if (err)
		worker_close_io(&l->io);
	return err;
}

void icmp_open(struct udp_engine *e)
{
	static const sa_family_t families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int err = watch(e, &e->icmp_listeners[i], families[i]);

		if (err)
			record_say(RECORD_DEBUG, "udp: clients' ICMP errors are not forwarded: %s",
				   strerror(-err));
	}
}

void icmp_close(struct udp_engine *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(e->icmp_listeners); i++)
		worker_close_io(&e->icmp_listeners[i].io);
}
