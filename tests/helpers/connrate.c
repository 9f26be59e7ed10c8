// SPDX-License-Identifier: BSD-2-Clause
/*
 * One connection after the other, as fast as possible. A server answers each with one letter; the
 * client counts the letters, so that it knows which server answered.
 *
 * usage: connrate serve PORT LETTER       transparent listener on every IPv4 address
 *        connrate run ADDRESS PORT        until SIGTERM; prints "total A=n B=n … failed=n longest=s"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PARALLEL 32
#define TIMEOUT_S 20

static volatile sig_atomic_t stopped;

static void on_term(int signal)
{
	stopped = 1;
}

/* No TIME_WAIT: one client would soon have no port left. */
static void drop(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void serve(const char *port, char letter)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (setsockopt(fd, SOL_IP, IP_TRANSPARENT, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 4096))
		error(1, errno, "port %s", port);
	for (;;) {
		int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (connection < 0)
			continue;
		send(connection, &letter, 1, MSG_NOSIGNAL);
		/* Closing first would leave TIME_WAIT here: the client resets. */
		shutdown(connection, SHUT_WR);
		close(connection);
	}
}

static long counts[256], failed;
static double started[1024], longest; /* seconds, by descriptor */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void start(int epoll, const struct sockaddr_in *to)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || (connect(fd, (const void *)to, sizeof(*to)) && errno != EINPROGRESS))
		error(1, errno, "connect");
	if (fd >= 1024)
		error(1, 0, "too many connections");
	started[fd] = now();
	event.data.fd = fd;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void finish(int fd)
{
	unsigned char letter;

	if (read(fd, &letter, 1) == 1)
		counts[letter]++;
	else
		failed++;
	if (now() - started[fd] > longest)
		longest = now() - started[fd];
	drop(fd);
}

static void run(const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	struct epoll_event events[PARALLEL];
	int epoll = epoll_create1(EPOLL_CLOEXEC), open = PARALLEL;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		error(2, 0, "%s: not an address", address);
	for (int i = 0; i < PARALLEL; i++)
		start(epoll, &to);
	while (open) {
		int n = epoll_wait(epoll, events, PARALLEL, TIMEOUT_S * 1000);

		if (!n) {
			failed += open;
			break;
		}
		for (int i = 0; i < n; i++) {
			finish(events[i].data.fd);
			if (stopped)
				open--;
			else
				start(epoll, &to);
		}
	}
}

int main(int argc, char **argv)
{
	long total = 0;

	if (argc == 4 && !strcmp(argv[1], "serve"))
		serve(argv[2], argv[3][0]);
	if (argc != 4 || strcmp(argv[1], "run"))
		error(2, 0, "usage: connrate serve PORT LETTER | run ADDRESS PORT");
	signal(SIGTERM, on_term);
	run(argv[2], argv[3]);
	for (int i = 0; i < 256; i++)
		total += counts[i];
	printf("%ld", total);
	for (int i = 'A'; i <= 'Z'; i++)
		if (counts[i])
			printf(" %c=%ld", i, counts[i]);
	printf(" failed=%ld longest=%.3f\n", failed, longest);
	return 0;
}
