// SPDX-License-Identifier: BSD-2-Clause
/*
 * A transparent UDP relay of the usual design, to compare with: one thread,
 * one recvmsg and one send for each datagram, answers from one socket for each destination,
 * which stays open. Serves one client address (its port names the flow), IPv4, for a while.
 *
 * usage: udpplain PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <error.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS 64 /* of one socket in a turn */
#define FLOWS_MAX 8000

struct flow {
	int up; /* connected to the destination; 0: none */
	struct sockaddr_in client, dst;
	TAILQ_ENTRY(flow) age;
};

static struct flow flows[65536];
/* The least recently used one makes room. */
static TAILQ_HEAD(, flow) open_flows = TAILQ_HEAD_INITIALIZER(open_flows);
static unsigned int n_open;
static int epoll, answer_fd = -1;
static struct sockaddr_in answer_addr;
static char buf[65536];

static int udp_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int on = 1, size = 4 << 20;

	if (fd < 0)
		error(1, errno, "socket");
	setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

static void watch(int fd, uint32_t flow)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = flow };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
		error(1, errno, "epoll");
}

static int answer_socket(const struct sockaddr_in *dst)
{
	int on = 1;

	if (answer_fd >= 0 && !memcmp(&answer_addr, dst, sizeof(*dst)))
		return answer_fd;
	if (answer_fd >= 0)
		close(answer_fd);
	answer_fd = udp_socket();
	setsockopt(answer_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	answer_addr = *dst;
	if (bind(answer_fd, (const struct sockaddr *)dst, sizeof(*dst)))
		error(1, errno, "bind");
	return answer_fd;
}

static void flow_close(struct flow *f)
{
	close(f->up);
	f->up = 0;
	TAILQ_REMOVE(&open_flows, f, age);
	n_open--;
}

static void flow_open(struct flow *f, const struct sockaddr_in *client,
		      const struct sockaddr_in *dst)
{
	if (n_open == FLOWS_MAX)
		flow_close(TAILQ_FIRST(&open_flows));
	f->up = udp_socket();
	f->client = *client;
	f->dst = *dst;
	if (connect(f->up, (const struct sockaddr *)dst, sizeof(*dst)))
		error(1, errno, "connect");
	watch(f->up, ntohs(client->sin_port));
	TAILQ_INSERT_TAIL(&open_flows, f, age);
	n_open++;
}

static struct flow *flow_of(const struct sockaddr_in *client, const struct sockaddr_in *dst)
{
	struct flow *f = &flows[ntohs(client->sin_port)];

	if (f->up && memcmp(&f->dst, dst, sizeof(*dst)))
		flow_close(f);
	if (!f->up) {
		flow_open(f, client, dst);
	} else {
		TAILQ_REMOVE(&open_flows, f, age);
		TAILQ_INSERT_TAIL(&open_flows, f, age);
	}
	return f;
}

static void from_client(int fd)
{
	for (int i = 0; i < READS; i++) {
		char control[128] __attribute__((aligned(8)));
		struct iovec iov = { buf, sizeof(buf) };
		struct sockaddr_in client, dst = { 0 };
		struct msghdr msg = { .msg_name = &client,
				      .msg_namelen = sizeof(client),
				      .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fd, &msg, 0);

		if (n < 0)
			return;
		memcpy(&dst, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(dst));
		send(flow_of(&client, &dst)->up, buf, (size_t)n, 0);
	}
}

static void from_server(struct flow *f)
{
	for (int i = 0; i < READS; i++) {
		ssize_t n = recv(f->up, buf, sizeof(buf), 0);

		if (n < 0)
			return;
		sendto(answer_socket(&f->dst), buf, (size_t)n, 0, (struct sockaddr *)&f->client,
		       sizeof(f->client));
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in own = { .sin_family = AF_INET };
	struct rlimit limit;
	int listener, on = 1;

	if (argc != 2)
		error(2, 0, "usage: udpplain PORT");
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	epoll = epoll_create1(0);
	listener = udp_socket();
	setsockopt(listener, SOL_IP, IP_RECVORIGDSTADDR, &on, sizeof(on));
	own.sin_port = htons((uint16_t)atoi(argv[1]));
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&own, sizeof(own)))
		error(1, errno, "bind");
	watch(listener, 0);
	for (;;) {
		struct epoll_event events[64];
		int n = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.u32)
				from_server(&flows[events[i].data.u32]);
			else
				from_client(listener);
		}
	}
}
