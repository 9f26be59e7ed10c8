/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP load for tests and measurements, one thread and one epoll loop.
 *
 *   load server PORT                          both families; the first byte of a connection
 *                                             says what it wants, see enum role in load.h
 *   load bulk HOST PORT SECONDS STREAMS       download; prints bytes and seconds
 *   load rr HOST PORT SECONDS STREAMS SIZE    request and response, one after the other
 *   load crr HOST PORT SECONDS STREAMS        connect, one request, the server closes
 *   load crowd HOST PORT SECONDS IDLE RATE    IDLE connections, then also RATE new ones a second,
 *                                             for that long or until SIGTERM
 *
 * bulk, rr and crr print one line: UNITS SECONDS FAILED; units are bytes, exchanges or
 * connections. crowd prints "up" when all idle connections are open (it ends if one fails before);
 * at each SIGUSR1 it makes one exchange over each idle connection and prints "alive" with the number
 * of answers; at the end it prints DIALLED SERVED LEFT: new connections, answered ones, and idle
 * ones that were closed in order, FIN for FIN. Several servers can share a port.
 */
#include <sys/resource.h>

#include "load.h"
#include "loadcrowd.h"

/* ---- server ------------------------------------------------------------- */

static void serve_source(struct peer *p)
{
	for (int i = 0; i < 8; i++) {
		ssize_t n = send(p->fd, buffer, sizeof(buffer), MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			peer_close(p);
		if (n < (ssize_t)sizeof(buffer))
			return;
	}
}

static void serve_read(struct peer *p)
{
	ssize_t n = recv(p->fd, buffer, sizeof(buffer), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		peer_close(p);
		return;
	}
	if (!p->role) {
		p->role = buffer[0];
		if (p->role == ROLE_SOURCE)
			peer_watch(p, EPOLLOUT);
	}
	if (p->role == ROLE_ECHO && send(p->fd, buffer, (size_t)n, MSG_NOSIGNAL) != n)
		peer_close(p);
	if (p->role == ROLE_ONCE) {
		send(p->fd, buffer, (size_t)n, MSG_NOSIGNAL);
		peer_close(p);
	}
}

static void serve_accept(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, SOL_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		peer_add(fd, 0, EPOLLIN);
	}
}

static int serve_listen(const char *port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int));
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 4096))
		die("listen");
	return fd;
}

static void server(const char *port)
{
	struct epoll_event events[EVENTS];
	int listener = serve_listen(port);
	struct peer *self = peer_add(listener, 'L', EPOLLIN);

	for (;;) {
		int n = epoll_wait(loop, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct peer *p = events[i].data.ptr;

			if (p == self)
				serve_accept(listener);
			else if (p->role == ROLE_SOURCE)
				serve_source(p);
			else
				serve_read(p);
			/* One descriptor has one event a turn, so nothing else refers to p. */
			if (p->fd < 0)
				free(p);
		}
	}
}

/* ---- clients ------------------------------------------------------------ */

static void steady(struct run *run, double seconds, char role)
{
	uint64_t begin, end;

	for (unsigned int i = 0; i < run->streams; i++)
		dial(run, role);
	/* The beginning does not count: windows open, buffers grow. */
	for (begin = now_ns(); now_ns() - begin < 300000000;)
		turn(run, 100);
	run->units = run->failed = 0;
	begin = now_ns();
	do {
		turn(run, 100);
		end = now_ns();
	} while ((double)(end - begin) < seconds * 1e9);
	printf("%llu %.6f %llu\n", (unsigned long long)run->units, (double)(end - begin) / 1e9,
	       (unsigned long long)run->failed);
}

static struct addrinfo *resolve(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *to;

	if (getaddrinfo(host, port, &hints, &to)) {
		fprintf(stderr, "load: %s %s: not an address\n", host, port);
		exit(2);
	}
	return to;
}

static void client(int argc, char **argv)
{
	struct run run = { .to = resolve(argv[2], argv[3]), .size = 1 };
	double seconds = atof(argv[4]);

	run.streams = (unsigned int)atoi(argv[5]);
	if (!strcmp(argv[1], "bulk")) {
		steady(&run, seconds, ROLE_SOURCE);
	} else if (!strcmp(argv[1], "rr") && argc == 7) {
		run.size = (size_t)atoi(argv[6]);
		steady(&run, seconds, ROLE_ECHO);
	} else if (!strcmp(argv[1], "crr")) {
		run.size = 64;
		steady(&run, seconds, ROLE_ONCE);
	} else if (!strcmp(argv[1], "crowd") && argc == 7) {
		crowd(&run, seconds, run.streams, (unsigned int)atoi(argv[6]));
	}
}

int main(int argc, char **argv)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	loop = epoll_create1(EPOLL_CLOEXEC);
	if (argc == 3 && !strcmp(argv[1], "server")) {
		server(argv[2]);
	} else if (argc >= 6) {
		client(argc, argv);
	} else {
		fputs("load: see the head of load.c\n", stderr);
		return 2;
	}
	return 0;
}
