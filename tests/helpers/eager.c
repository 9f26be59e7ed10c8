/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections whose first bytes follow the end of the handshake at once, from every CPU. Where
 * one CPU sends the ACK of the handshake (c0's rps_cpus) and another the bytes, one can overtake the
 * other on the way.
 *
 *   eager HOST PORT COUNT SECONDS    to `load server`; prints "SERVED RESET OTHER", SERVED at
 *                                    most COUNT, when all is done or the time is over
 */
#include <arpa/inet.h>
#include <errno.h>
#include <error.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PARALLEL 64
#define ANSWER_MS 10000
#define HANDSHAKE_MS 3000
#define MAX_CPUS 64

static union {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} server;
static socklen_t server_len;
static const char word[] = "Eager"; /* E: an echo is wanted, see load.c */
static double deadline;
static atomic_long left, served, reset, other;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void parse_server(const char *host, const char *port)
{
	memset(&server, 0, sizeof(server));
	if (inet_pton(AF_INET, host, &server.v4.sin_addr) == 1) {
		server.v4.sin_family = AF_INET;
		server.v4.sin_port = htons((uint16_t)atoi(port));
		server_len = sizeof(server.v4);
	} else if (inet_pton(AF_INET6, host, &server.v6.sin6_addr) == 1) {
		server.v6.sin6_family = AF_INET6;
		server.v6.sin6_port = htons((uint16_t)atoi(port));
		server_len = sizeof(server.v6);
	} else {
		error(2, 0, "%s: no address", host);
	}
}

static void count_failure(int err)
{
	atomic_fetch_add(err == ECONNRESET || err == EPIPE ? &reset : &other, 1);
}

/* Without TIME_WAIT, which would use up all ports. */
static void drop(int fd)
{
	struct linger abort = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
	close(fd);
}

/* Polls by calls that neither sleep nor take the socket's lock, so that send follows at once. */
static bool wait_handshake(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	double end = now() + HANDSHAKE_MS / 1e3;

	for (unsigned int i = 0; i < 2000; i++)
		if (poll(&p, 1, 0) > 0)
			return true;
	while (now() < end)
		if (poll(&p, 1, 1) > 0)
			return true;
	return false;
}

/* -1: it failed, and was counted. */
static int begin(void)
{
	int fd = socket(server.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0)
		error(1, errno, "socket");
	setsockopt(fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, &server.sa, server_len) && errno != EINPROGRESS) {
		count_failure(errno);
	} else if (!wait_handshake(fd)) {
		count_failure(ETIMEDOUT);
	} else if (send(fd, word, sizeof(word), MSG_NOSIGNAL) != sizeof(word)) {
		count_failure(errno);
	} else {
		return fd;
	}
	drop(fd);
	return -1;
}

static void finish(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[sizeof(word)];
	ssize_t n;

	if (fd < 0)
		return;
	errno = ETIMEDOUT;
	n = poll(&p, 1, ANSWER_MS) > 0 ? recv(fd, buf, sizeof(buf), 0) : -1;
	if (n > 0)
		atomic_fetch_add(&served, 1);
	else
		count_failure(n ? errno : 0);
	drop(fd);
}

static void *run(void *arg)
{
	int fds[PARALLEL];
	cpu_set_t cpu;
	unsigned int i;

	CPU_ZERO(&cpu);
	CPU_SET((size_t)arg, &cpu);
	pthread_setaffinity_np(pthread_self(), sizeof(cpu), &cpu);
	memset(fds, 0xff, sizeof(fds));
	for (i = 0; atomic_fetch_sub(&left, 1) > 0 && now() < deadline; i = (i + 1) % PARALLEL) {
		finish(fds[i]);
		fds[i] = begin();
	}
	for (i = 0; i < PARALLEL; i++)
		finish(fds[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[MAX_CPUS];

	if (argc != 5)
		error(2, 0, "usage: eager HOST PORT COUNT SECONDS");
	parse_server(argv[1], argv[2]);
	atomic_store(&left, atol(argv[3]));
	deadline = now() + atof(argv[4]);
	if (cpus > MAX_CPUS)
		cpus = MAX_CPUS;
	for (long i = 0; i < cpus; i++)
		if (pthread_create(&threads[i], NULL, run, (void *)i))
			error(1, 0, "threads cannot be created");
	for (long i = 0; i < cpus; i++)
		pthread_join(threads[i], NULL);
	printf("%ld %ld %ld\n", served, reset, other);
	return 0;
}
