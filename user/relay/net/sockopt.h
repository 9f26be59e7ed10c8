/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket options that the relay needs, with one name for both families. Owns nothing; must not
 * open or close sockets.
 */
#ifndef TPROXY_RELAY_NET_SOCKOPT_H
#define TPROXY_RELAY_NET_SOCKOPT_H

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#ifndef IPV6_TRANSPARENT /* only linux/in6.h has it, which cannot be included beside netinet/in.h */
#define IPV6_TRANSPARENT 75
#endif
#ifndef SO_RCVMARK /* since Linux 5.19 */
#define SO_RCVMARK 75
#endif
#ifndef SO_BUF_LOCK /* since Linux 5.14 */
#define SO_BUF_LOCK 72
#endif
#ifndef SOCK_RCVBUF_LOCK /* of linux/socket.h, which cannot be included beside sys/socket.h */
#define SOCK_RCVBUF_LOCK 2
#endif
#ifndef IPV6_RECVORIGDSTADDR
#define IPV6_RECVORIGDSTADDR 74
#endif
#ifndef IPV6_ORIGDSTADDR
#define IPV6_ORIGDSTADDR IPV6_RECVORIGDSTADDR
#endif

#define KEEPALIVE_IDLE_S 300 /* the kernel's two hours come after our idle time-out */

static inline int sockopt_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

static inline int sockopt_on(int fd, int level, int name)
{
	return sockopt_int(fd, level, name, 1);
}

/* Lets a socket use addresses that are not ours. Needs CAP_NET_RAW or CAP_NET_ADMIN. */
static inline int sockopt_transparent(int fd, sa_family_t family)
{
	if (family == AF_INET)
		return sockopt_on(fd, SOL_IP, IP_TRANSPARENT);
	return sockopt_on(fd, SOL_IPV6, IPV6_TRANSPARENT);
}

#define SOCKOPT_ECN_MASK 3 /* of TOS and traffic class; TCP sets these bits itself */

/* TTL or hop limit of packets that leave, 1 to 255; 0: the kernel's default. */
static inline int sockopt_ttl(int fd, sa_family_t family, uint8_t ttl)
{
	if (!ttl)
		return 0;
	return family == AF_INET ? sockopt_int(fd, SOL_IP, IP_TTL, ttl) :
				   sockopt_int(fd, SOL_IPV6, IPV6_UNICAST_HOPS, ttl);
}

/* TOS or traffic class of packets that leave. */
static inline int sockopt_tos(int fd, sa_family_t family, uint8_t tos)
{
	if (!tos)
		return 0;
	return family == AF_INET ? sockopt_int(fd, SOL_IP, IP_TOS, tos) :
				   sockopt_int(fd, SOL_IPV6, IPV6_TCLASS, tos);
}

/* Queues ICMP errors with their contents, also those that the kernel does not report by default. */
static inline int sockopt_errors(int fd, sa_family_t family)
{
	if (family == AF_INET)
		return sockopt_on(fd, SOL_IP, IP_RECVERR);
	return sockopt_on(fd, SOL_IPV6, IPV6_RECVERR);
}

/* Packets use this device only or, if it is a VRF, its members. 0: any. To be set before bind. */
static inline int sockopt_device(int fd, int ifindex)
{
	return ifindex ? sockopt_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, ifindex) : 0;
}

/* By name, so that an interface that was created again is found. To be set before bind. */
static inline int sockopt_device_name(int fd, const char *name)
{
	socklen_t len = (socklen_t)strlen(name);

	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, len) ? -errno : 0;
}

/* Ifindex of the device that the socket is bound to, or 0. */
static inline int sockopt_bound_device(int fd)
{
	int ifindex = 0;
	socklen_t len = sizeof(ifindex);

	return getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, &len) ? 0 : ifindex;
}

/* Mark of packets that leave, 0: none. Needs CAP_NET_RAW or CAP_NET_ADMIN. Before connect. */
static inline int sockopt_mark(int fd, uint32_t mark)
{
	return mark ? sockopt_int(fd, SOL_SOCKET, SO_MARK, (int)mark) : 0;
}

/* Drops all that arrives before it is queued: for sockets that only send. */
static inline int sockopt_deafen(int fd)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { .len = 1, .filter = &none };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ? -errno : 0;
}

/* For both ends of a relayed connection; accepted sockets inherit it from their listener. */
static inline int sockopt_stream(int fd)
{
	int err = sockopt_on(fd, SOL_TCP, TCP_NODELAY);

	/* An urgent byte outside the stream would never be relayed. */
	return err ? err : sockopt_on(fd, SOL_SOCKET, SO_OOBINLINE);
}

/* Whether the receive buffer keeps its size. Best effort. */
static inline void sockopt_lock_receive_buffer(int fd, bool lock)
{
	sockopt_int(fd, SOL_SOCKET, SO_BUF_LOCK, lock ? SOCK_RCVBUF_LOCK : 0);
}

/* Notices that an idle peer is gone. Best effort: the idle time-out notices it, too, but later. */
static inline void sockopt_keepalive(int fd)
{
	if (!sockopt_int(fd, SOL_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S))
		sockopt_on(fd, SOL_SOCKET, SO_KEEPALIVE);
}

/*
 * Before connect: delays the ACK that ends the handshake, so that it leaves with the first bytes
 * (tcp_rcv_synsent_state_process). If the server speaks first, only sockopt_ack_now sends it, or a
 * timer of the kernel after 200 ms. Best effort.
 */
static inline void sockopt_hold_ack(int fd)
{
	sockopt_int(fd, SOL_TCP, TCP_QUICKACK, 0);
}

static inline void sockopt_ack_now(int fd)
{
	sockopt_on(fd, SOL_TCP, TCP_QUICKACK);
}

/*
 * Bounds what leaves, in bytes a second; 0: no limit. Best effort. The kernel takes an int as well,
 * but that ends at 4 GB/s.
 */
static inline void sockopt_pace(int fd, uint64_t rate)
{
	if (rate)
		setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate));
}

/*
 * How long sent bytes may stay unacknowledged, or a window closed; 0: as the kernel has it. Best
 * effort.
 */
static inline void sockopt_user_timeout(int fd, uint32_t seconds)
{
	unsigned int ms = seconds * 1000;

	if (seconds)
		setsockopt(fd, SOL_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

/* Takes the pending error of a socket: a positive errno, or 0. */
static inline int sockopt_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) ? errno : err;
}

/* Closes with RST instead of FIN. */
static inline void sockopt_reset_on_close(int fd)
{
	struct linger abort = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
}

#endif
