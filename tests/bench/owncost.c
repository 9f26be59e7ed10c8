// SPDX-License-Identifier: BSD-2-Clause
/*
 * What it costs a process of this host to begin a flow: CPU time of its own thread, with all that
 * the kernel does inside its calls. Several set-ups, each a network namespace and a cgroup, are
 * measured in turn (A B C A B C …); the result is the median of the ratios to the first.
 *
 * usage: owncost connect|datagram|socket ROUNDS COUNT ADDRESS PORT NAME=NETNS=CGROUP …
 *        owncost sink PORT
 * connect: TCP connect and close. datagram: sendto of one unconnected socket. socket: a new one
 * each time. sink: accepts and closes, and leaves datagrams unread, so that all set-ups pay the
 * same; it is transparent. Prints one JSON object.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "inject.h"

#define MAX_SETUPS 16

struct setup {
	const char *name;
	int netns, cgroup; /* cgroup.procs */
	double ns[MAX_ROUNDS];
};

static struct sockaddr_in to = { .sin_family = AF_INET };

/* ---- sink --------------------------------------------------------------- */

static int bind_transparent(int type, int port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_IP, IP_TRANSPARENT, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)))
		error(1, errno, "port %d", port);
	return fd;
}

static void sink(int port)
{
	int listener = bind_transparent(SOCK_STREAM, port);

	bind_transparent(SOCK_DGRAM, port);
	if (listen(listener, 4096))
		error(1, errno, "listen");
	for (;;)
		close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}

/* ---- measure ------------------------------------------------------------ */

static void one_connect(void)
{
	struct linger reset = { .l_onoff = 1 }; /* no TIME_WAIT, or the ports are soon used up */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		error(1, errno, "connect");
	close(fd);
}

static void one_datagram(int fd)
{
	char data[64] = "";

	if (sendto(fd, data, sizeof(data), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		error(1, errno, "sendto");
}

static void one_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	one_datagram(fd);
	close(fd);
}

static void repeat(const char *what, int count)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (int i = 0; i < count; i++) {
		if (!strcmp(what, "connect"))
			one_connect();
		else if (!strcmp(what, "datagram"))
			one_datagram(fd);
		else
			one_socket();
	}
	close(fd);
}

/* Enters the set-up before the time is taken. */
static double measure(const struct setup *s, const char *what, int count)
{
	struct timespec a, b;

	if (setns(s->netns, CLONE_NEWNET) || pwrite(s->cgroup, "0", 1, 0) != 1)
		error(1, errno, "%s: enter", s->name);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	repeat(what, count);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ns_between(&a, &b) / count;
}

/* text: NAME=NETNS=CGROUP */
static void prepare(struct setup *s, char *text)
{
	const char *netns, *cgroup;
	char path[512];

	split_setup(text, &netns, &cgroup);
	s->name = text;
	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	s->netns = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	s->cgroup = open(path, O_WRONLY | O_CLOEXEC);
	if (s->netns < 0 || s->cgroup < 0)
		error(1, errno, "%s", s->name);
}

static void print_setup(const struct setup *s, const struct setup *base, int rounds, bool last)
{
	double ratio[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++)
		ratio[i] = s->ns[i] / base->ns[i];
	printf("{\"name\":\"%s\",\"ns_q1\":%.0f,\"ns_median\":%.0f,\"ratio_q1\":%.3f,"
	       "\"ratio_median\":%.3f,\"ratio_q3\":%.3f}%s\n",
	       s->name, quantile(s->ns, rounds, .25), quantile(s->ns, rounds, .5),
	       quantile(ratio, rounds, .25), quantile(ratio, rounds, .5),
	       quantile(ratio, rounds, .75), last ? "" : ",");
}

static void run(const char *what, int rounds, int count, char **texts, int n)
{
	static struct setup setups[MAX_SETUPS];

	for (int i = 0; i < n; i++)
		prepare(&setups[i], texts[i]);
	for (int round = -1; round < rounds; round++) /* the first one warms up */
		for (int i = 0; i < n; i++) {
			double ns = measure(&setups[i], what, count);

			if (round >= 0)
				setups[i].ns[round] = ns;
		}
	printf("{\"rounds\":%d,\"count\":%d,\"setups\":[\n", rounds, count);
	for (int i = 0; i < n; i++)
		print_setup(&setups[i], &setups[0], rounds, i == n - 1);
	printf("]}\n");
}

int main(int argc, char **argv)
{
	int rounds, count;

	if (argc == 3 && !strcmp(argv[1], "sink"))
		sink(atoi(argv[2]));
	rounds = argc > 6 ? atoi(argv[2]) : 0;
	count = argc > 6 ? atoi(argv[3]) : 0;
	if (rounds < 1 || rounds > MAX_ROUNDS || count < 1 || argc - 6 > MAX_SETUPS ||
	    inet_pton(AF_INET, argv[4], &to.sin_addr) != 1)
		error(2, 0, "usage: owncost WHAT ROUNDS COUNT ADDRESS PORT NAME=NETNS=CGROUP ...");
	to.sin_port = htons((uint16_t)atoi(argv[5]));
	run(argv[1], rounds, count, argv + 6, argc - 6);
	return 0;
}
