/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP load for tests and measurements, one thread and one epoll loop.
 *
 *   load server PORT                          both families; the first byte of a connection
 *                                             says what it wants, see enum role
 *   load bulk HOST PORT SECONDS STREAMS       download; prints bytes and seconds
 *   load rr HOST PORT SECONDS STREAMS SIZE    request and response, one after the other
 *   load crr HOST PORT SECONDS STREAMS        connect, one request, the server closes
 *   load crowd HOST PORT SECONDS IDLE RATE    IDLE connections, then RATE new ones a second beside
 *                                             them, for that long or until SIGTERM
 *
 * bulk, rr and crr print one line: UNITS SECONDS FAILED, units being bytes, exchanges
 * or connections. crowd prints "up" once all are there (a failure before ends it); at each SIGUSR1
 * one exchange over each idle one, and "alive" with the number of answers; at the end DIALLED SERVED
 * LEFT: new ones, and idle ones that parted in order, FIN for FIN. Several servers can share a port.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (256 * 1024)
#define EVENTS 256
#define CROWD_STEP 256 /* exchanges at a time */
#define CROWD_PATIENCE_NS 60000000000ULL

enum role {
	ROLE_SOURCE = 'S', /* sends until the peer closes */
	ROLE_ECHO = 'E',
	ROLE_ONCE = 'O', /* answers once and closes */
};

struct peer {
	int fd;
	char role;
	bool connecting;
	bool kept;  /* somebody else frees it */
	size_t got; /* bytes of the current exchange */
};

struct run {
	const char *mode;
	struct addrinfo *to;
	unsigned int streams;
	size_t size;
	bool crowd;   /* one exchange for each, and no successors */
	bool leaving; /* a FIN is what we wait for */
	uint64_t units;
	uint64_t failed;
	uint64_t lost; /* of `failed`, those of the crowd */
	unsigned int open;
};

static char buffer[BUFFER];
static int loop;
static volatile sig_atomic_t told; /* a signal */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct peer *peer_add(int fd, char role, uint32_t events)
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

static void peer_watch(struct peer *p, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = p };

	if (epoll_ctl(loop, EPOLL_CTL_MOD, p->fd, &ev))
		die("epoll_ctl");
}

/* Freed by the caller, after the last event that may name it. */
static void peer_close(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
}

/* --- server --- */

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
			/* One descriptor has one event a turn: nothing else names it. */
			if (p->fd < 0)
				free(p);
		}
	}
}

/* --- clients --- */

static struct peer *dial(struct run *run, char role)
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

static bool request(struct run *run, struct peer *p)
{
	p->got = 0;
	memset(buffer, p->role, run->size);
	return send(p->fd, buffer, run->size, MSG_NOSIGNAL) == (ssize_t)run->size;
}

/* The stream is over, well or not; its successor takes its place. */
static void hang_up(struct run *run, struct peer *p, bool well)
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

static void client_connected(struct run *run, struct peer *p)
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

static void client_read(struct run *run, struct peer *p)
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

static void turn(struct run *run, int timeout)
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

static void steady(struct run *run, double seconds, char role)
{
	uint64_t begin, end;

	for (unsigned int i = 0; i < run->streams; i++)
		dial(run, role);
	/* The begin does not count: windows open, buffers grow. */
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

/* --- crowd --- */

static void take_signal(int signal)
{
	told = signal;
}

/* In steps, so that no queue of SYNs overflows. */
static void crowd_open(struct run *run, struct peer **peers, unsigned int idle)
{
	while (run->units < idle) {
		for (; run->open < idle && run->open - run->units < CROWD_STEP; peers++) {
			*peers = dial(run, ROLE_ECHO);
			(*peers)->kept = true;
		}
		turn(run, 1000);
		if (run->failed) {
			fprintf(stderr, "load: after %llu of %u a connection of the crowd failed\n",
				(unsigned long long)run->units, idle);
			exit(1);
		}
	}
	puts("up");
	fflush(stdout);
}

static bool leave(struct run *run, struct peer *p)
{
	run->leaving = true;
	return !shutdown(p->fd, SHUT_WR);
}

/* Each does it, in steps. Returns how many came to its end. */
static uint64_t crowd_each(struct run *run, struct peer **peers, unsigned int idle,
			   bool (*act)(struct run *run, struct peer *p))
{
	uint64_t begin = now_ns();
	int64_t pending = 0; /* less than that, when some are lost that were not asked */

	run->units = run->failed = 0;
	for (unsigned int i = 0, begun = 0; i < idle || pending > 0;) {
		for (; i < idle && pending < CROWD_STEP; i++) {
			if (peers[i]->fd < 0)
				continue;
			begun++;
			pending++;
			if (!act(run, peers[i]))
				hang_up(run, peers[i], false);
		}
		turn(run, 1000);
		pending = (int64_t)begun - (int64_t)run->units - (int64_t)run->failed;
		if (now_ns() - begin > CROWD_PATIENCE_NS)
			break;
	}
	return run->units;
}

/* Returns how many it began; those that still go on afterwards have some time left. */
static uint64_t crowd_beside(struct run *run, double seconds, unsigned int rate)
{
	unsigned int crowd = run->open;
	uint64_t begin = now_ns(), sent = 0, lost = run->lost;

	run->units = 0;
	while (!told && (double)(now_ns() - begin) < seconds * 1e9) {
		uint64_t due = (uint64_t)((double)(now_ns() - begin) / 1e9 * rate);

		for (; sent < due; sent++)
			dial(run, ROLE_ONCE);
		turn(run, rate ? 1 : 100);
	}
	begin = now_ns();
	while (run->open + run->lost - lost > crowd && now_ns() - begin < CROWD_PATIENCE_NS)
		turn(run, 100);
	return sent;
}

static void crowd(struct run *run, double seconds, unsigned int idle, unsigned int rate)
{
	struct peer **peers = calloc(idle + 1, sizeof(*peers));
	uint64_t dialled, served;

	if (!peers)
		die("memory");
	run->crowd = true;
	signal(SIGTERM, take_signal);
	signal(SIGUSR1, take_signal);
	crowd_open(run, peers, idle);
	dialled = crowd_beside(run, seconds, rate);
	served = run->units;
	while (told == SIGUSR1) {
		told = 0;
		printf("alive %llu\n", (unsigned long long)crowd_each(run, peers, idle, request));
		fflush(stdout);
		crowd_beside(run, seconds, 0);
	}
	printf("%llu %llu ", (unsigned long long)dialled, (unsigned long long)served);
	printf("%llu\n", (unsigned long long)crowd_each(run, peers, idle, leave));
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
