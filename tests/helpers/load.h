/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by load and its crowd: connections in one epoll loop, and the client's side of them. */
#ifndef LOAD_H
#define LOAD_H

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (256 * 1024)
#define EVENTS 256

enum role {
	ROLE_SOURCE = 'S', /* sends until the peer closes */
	ROLE_ECHO = 'E',
	ROLE_ONCE = 'O', /* answers once and closes */
};

struct peer {
	int fd;
	char role;
	bool connecting;
	bool kept;  /* not freed by the loop */
	size_t got; /* bytes of the current exchange */
};

struct run {
	const char *mode;
	struct addrinfo *to;
	unsigned int streams;
	size_t size;
	bool crowd;   /* one exchange for each, and no new connection after it */
	bool leaving; /* waits for FINs */
	uint64_t units;
	uint64_t failed;
	uint64_t lost; /* part of `failed`: the crowd's */
	unsigned int open;
};

static char buffer[BUFFER];
static int loop;

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline struct peer *peer_add(int fd, char role, uint32_t events)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct epoll_event ev = { .events = events, .data.ptr = p };

	if (!p)
		die("memory");
	p->fd = fd;
	p->role = role;
	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &ev))
		die("epoll_ctl");
	return p;
}

static inline void peer_watch(struct peer *p, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = p };

	if (epoll_ctl(loop, EPOLL_CTL_MOD, p->fd, &ev))
		die("epoll_ctl");
}

/* The caller frees it, after the last event that may refer to it. */
static inline void peer_close(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
}

static inline struct peer *dial(struct run *run, char role)
{
	struct peer *p;
	int fd = socket(run->to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (connect(fd, run->to->ai_addr, run->to->ai_addrlen) && errno != EINPROGRESS)
		die("connect");
	p = peer_add(fd, role, EPOLLOUT);
	p->connecting = true;
	run->open++;
	return p;
}

static inline bool request(struct run *run, struct peer *p)
{
	p->got = 0;
	memset(buffer, p->role, run->size);
	return send(p->fd, buffer, run->size, MSG_NOSIGNAL) == (ssize_t)run->size;
}

/* The stream has ended, well or not. A new one replaces it, except in the crowd. */
static inline void hang_up(struct run *run, struct peer *p, bool well)
{
	char role = p->role;

	if (!well)
		run->failed++;
	else
		run->units++;
	run->lost += p->kept;
	peer_close(p);
	run->open--;
	if (!run->crowd)
		dial(run, role);
}

static inline void client_connected(struct run *run, struct peer *p)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	p->connecting = false;
	if (err || !request(run, p)) {
		hang_up(run, p, false);
		return;
	}
	peer_watch(p, EPOLLIN);
}

static inline void client_read(struct run *run, struct peer *p)
{
	ssize_t n = recv(p->fd, buffer, sizeof(buffer), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		hang_up(run, p, !n && (p->role == ROLE_ONCE ? p->got == run->size : run->leaving));
		return;
	}
	p->got += (size_t)n;
	if (p->role == ROLE_SOURCE)
		run->units += (uint64_t)n;
	if (p->role == ROLE_ECHO && p->got == run->size) {
		run->units++;
		if (!run->crowd && !request(run, p))
			hang_up(run, p, false);
	}
}

static inline void turn(struct run *run, int timeout)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(loop, events, EVENTS, timeout);

	for (int i = 0; i < n; i++) {
		struct peer *p = events[i].data.ptr;

		if (p->connecting)
			client_connected(run, p);
		else
			client_read(run, p);
		if (p->fd < 0 && !p->kept)
			free(p);
	}
}

#endif
