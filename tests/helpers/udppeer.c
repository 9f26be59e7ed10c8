// SPDX-License-Identifier: BSD-2-Clause
/*
 * Both ends of UDP flows, for tests and measurements. Every datagram has a number, and bytes that
 * follow from the number; answers are checked against them. Flows are paced by answers: at most
 * `window` datagrams are unanswered, so that no queue overflows on a path that works, on a slow
 * machine either.
 *
 *   udppeer echo PORT               sends every datagram back, from the address it was sent to
 *   udppeer ack PORT                answers all datagrams of one read with one small datagram
 *   udppeer flow ADDR PORT [KEY=N]  prints "sent received lost wrong reordered ms"
 *       count=1000 size=64 window=64 flows=1 gso=1 (datagrams a send) port=0 (ours)
 *       ack=0 (1: the other end is `ack`) progress=FILE (number received, every 1024)
 *       from=ADDR (ours) pause=0 (ms after each send)
 *       idle=2000 (ms without an answer after which unanswered datagrams count as lost; it
 *       gives up after ten times in a row)
 *   udppeer oneshot ADDR PORT COUNT a new socket for each; prints "answered"
 *   udppeer flood ADDR PORT COUNT   from random sources in 10.128.0.0/9 (IPv4) or fd99::/16
 *   udppeer bound PORT              holds the port, never answers; at SIGTERM prints how many arrived
 */
#include <poll.h>
#include <signal.h>

#include "udpflood.h"
#include "udpflow.h"
#include "udppeer.h"

/* ---- servers ------------------------------------------------------------ */

static volatile sig_atomic_t ended;

static void on_end(int sig)
{
	ended = sig;
}

static int server_socket(int family, uint16_t port)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(family, SOCK_DGRAM, 0);

	if (fd < 0)
		error(1, errno, "socket");
	big_buffers(fd);
	set_int(fd, SOL_UDP, UDP_GRO, 1);
	if (family == AF_INET6) {
		set_int(fd, SOL_IPV6, IPV6_V6ONLY, 1);
		set_int(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1);
	} else {
		set_int(fd, SOL_IP, IP_PKTINFO, 1);
	}
	if (bind(fd, family == AF_INET6 ? (struct sockaddr *)&any6 : (struct sockaddr *)&any4,
		 family == AF_INET6 ? sizeof(any6) : sizeof(any4)))
		error(1, errno, "bind to port %u", port);
	return fd;
}

/*
 * Replaces the control messages of a question by those of the answer: the address it was sent to
 * becomes the source. Returns the segment size of a run, 0: none.
 */
static uint16_t answer_control(struct msghdr *msg, char *out, size_t size)
{
	size_t used = 0;
	uint16_t segment = 0;

	memset(out, 0, size);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct cmsghdr *to = (struct cmsghdr *)(out + used);
		bool info4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO;
		bool info6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO;

		if (info4 || info6) {
			memcpy(to, c, c->cmsg_len);
			if (info4) /* the answer may leave by another device */
				((struct in_pktinfo *)CMSG_DATA(to))->ipi_ifindex = 0;
			else
				((struct in6_pktinfo *)CMSG_DATA(to))->ipi6_ifindex = 0;
			used += CMSG_SPACE(c->cmsg_len - CMSG_LEN(0));
		} else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			segment = (uint16_t) * (int *)CMSG_DATA(c);
		}
	}
	msg->msg_control = out;
	msg->msg_controllen = used;
	return segment;
}

static unsigned long long served;

/* Reads once and answers. */
static void serve(int fd, bool echo)
{
	static struct sockaddr_storage from[BATCH];
	static char control[BATCH][256] __attribute__((aligned(8)));
	static char answer[BATCH][256] __attribute__((aligned(8)));
	struct mmsghdr msgs[BATCH] = { 0 };
	struct iovec iov[BATCH];
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ buffers[i], 65536 };
		msgs[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
						   .msg_namelen = sizeof(from[i]),
						   .msg_iov = &iov[i],
						   .msg_iovlen = 1,
						   .msg_control = control[i],
						   .msg_controllen = sizeof(control[i]) };
	}
	n = recvmmsg(fd, msgs, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct msghdr *msg = &msgs[i].msg_hdr;
		size_t len = msgs[i].msg_len;
		uint16_t segment = answer_control(msg, answer[i], sizeof(answer[i]));
		unsigned int count = segment && len > segment ?
					     (unsigned int)((len + segment - 1) / segment) :
					     1;

		served += count;
		iov[i].iov_len = len;
		if (!echo) {
			struct header h = { MAGIC, count };

			memcpy(buffers[i], &h, sizeof(h));
			iov[i].iov_len = sizeof(h);
		} else if (count > 1) {
			add_segment(msg, segment);
		}
		if (sendmsg(fd, msg, 0) < 0 && errno != ECONNREFUSED)
			error(0, errno, "answer of %zu bytes", iov[i].iov_len);
	}
}

static int serve_forever(uint16_t port, bool echo)
{
	struct pollfd fds[] = { { .fd = server_socket(AF_INET, port), .events = POLLIN },
				{ .fd = server_socket(AF_INET6, port), .events = POLLIN } };

	signal(SIGTERM, on_end);
	while (!ended) {
		if (poll(fds, 2, -1) < 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (fds[i].revents)
				serve(fds[i].fd, echo);
	}
	printf("%llu\n", served);
	return 0;
}

/* ---- commands ----------------------------------------------------------- */

/* Fifty questions at a time, each sent up to three times, as stub resolvers do. */
static int cmd_oneshot(unsigned int count)
{
	enum { AT_ONCE = 50, TRIES = 3 };
	unsigned int answered = 0;

	for (unsigned int done = 0; done < count; done += AT_ONCE) {
		struct pollfd fds[AT_ONCE];
		unsigned int open = AT_ONCE;

		for (int i = 0; i < AT_ONCE; i++)
			fds[i] = (struct pollfd){ .fd = client_socket(NULL, 0), .events = POLLIN };
		for (int try = 0; try < TRIES && open; try++) {
			for (int i = 0; i < AT_ONCE; i++)
				if (fds[i].fd >= 0)
					send(fds[i].fd, "question", 8, 0);
			while (open && poll(fds, AT_ONCE, 1000) > 0) {
				for (int i = 0; i < AT_ONCE; i++) {
					char text[16];

					if (fds[i].fd < 0 || !fds[i].revents)
						continue;
					answered += recv(fds[i].fd, text, sizeof(text), 0) == 8;
					close(fds[i].fd);
					fds[i].fd = -1;
					open--;
				}
			}
		}
		for (int i = 0; i < AT_ONCE; i++)
			if (fds[i].fd >= 0)
				close(fds[i].fd);
	}
	printf("%u\n", answered);
	return 0;
}

/* Like a local daemon that does not share its port. */
static int cmd_bound(uint16_t port)
{
	struct pollfd fds[] = { { .fd = server_socket(AF_INET, port), .events = POLLIN },
				{ .fd = server_socket(AF_INET6, port), .events = POLLIN } };
	unsigned long long came = 0;

	signal(SIGTERM, on_end);
	while (!ended) {
		if (poll(fds, 2, -1) <= 0)
			continue;
		for (int i = 0; i < 2; i++)
			while (recv(fds[i].fd, buffers[0], BUFFER, MSG_DONTWAIT) >= 0)
				came++;
	}
	printf("%llu\n", came);
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 2 ? argv[1] : "";

	if (argc == 3 && !strcmp(command, "echo"))
		return serve_forever((uint16_t)atoi(argv[2]), true);
	if (argc == 3 && !strcmp(command, "ack"))
		return serve_forever((uint16_t)atoi(argv[2]), false);
	if (argc == 3 && !strcmp(command, "bound"))
		return cmd_bound((uint16_t)atoi(argv[2]));
	if (argc < 4)
		error(2, 0, "see the head of tests/helpers/udppeer.c");
	resolve(argv[2], argv[3]);
	if (!strcmp(command, "flow"))
		return cmd_flow(argv + 4);
	if (argc == 5 && !strcmp(command, "oneshot"))
		return cmd_oneshot((unsigned int)atoi(argv[4]));
	if (argc == 5 && !strcmp(command, "flood"))
		return cmd_flood((unsigned int)atoi(argv[4]));
	error(2, 0, "see the head of tests/helpers/udppeer.c");
	return 2;
}
