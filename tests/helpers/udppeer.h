/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by both ends of udppeer: numbered datagrams, sockets, the peer's address. */
#ifndef UDPPEER_H
#define UDPPEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <error.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32
#define BUFFER (65536 + 320)
#define HEADER 16
#define MAGIC 0x7470726f78792121ULL

static uint8_t buffers[BATCH][BUFFER];

struct header {
	uint64_t magic;
	uint64_t number;
};

static inline uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline void set_int(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

static inline void big_buffers(int fd)
{
	/* FORCE needs the capability; tests are root. */
	set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20);
	set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20);
}

/* Adds the segment size of a run to the control messages of `msg`. */
static inline void add_segment(struct msghdr *msg, uint16_t segment)
{
	struct cmsghdr *c = (struct cmsghdr *)((char *)msg->msg_control + msg->msg_controllen);

	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(c), &segment, sizeof(segment));
	msg->msg_controllen += CMSG_SPACE(sizeof(segment));
}

static struct sockaddr_storage peer;
static socklen_t peer_len;

static inline void resolve(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *info;

	if (getaddrinfo(host, port, &hints, &info))
		error(1, 0, "bad address: %s %s", host, port);
	memcpy(&peer, info->ai_addr, info->ai_addrlen);
	peer_len = info->ai_addrlen;
	freeaddrinfo(info);
}

/* Connected: answers from other addresses do not arrive. */
static inline int client_socket(const char *from, uint16_t port)
{
	struct sockaddr_storage own = { .ss_family = peer.ss_family };
	int fd = socket(peer.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		error(1, errno, "socket");
	if (own.ss_family == AF_INET6)
		set_int(fd, SOL_IPV6, IPV6_V6ONLY, 1);
	((struct sockaddr_in *)&own)->sin_port = htons(port); /* at the same offset in both */
	if (from && inet_pton(own.ss_family, from,
			      own.ss_family == AF_INET ?
				      (void *)&((struct sockaddr_in *)&own)->sin_addr :
				      (void *)&((struct sockaddr_in6 *)&own)->sin6_addr) != 1)
		error(2, 0, "bad address: %s", from);
	if (port) /* one port towards several peers */
		set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if ((port || from) && bind(fd, (struct sockaddr *)&own, peer_len))
		error(1, errno, "bind to port %u", port);
	if (connect(fd, (struct sockaddr *)&peer, peer_len))
		error(1, errno, "connect");
	return fd;
}

#endif
