// SPDX-License-Identifier: BSD-2-Clause
/*
 * Both ends of UDP flows for tests and measurements. Every datagram is numbered and
 * carries bytes that follow from its number; what comes back is checked against them.
 * Flows are paced by answers: at most `window` datagrams are on their way, so that no
 * queue overflows on a path that works, however slow the machine is.
 *
 *   udppeer echo PORT               answers every datagram with itself, from the address asked
 *   udppeer ack PORT                answers every read of a flow with one small datagram
 *   udppeer flow ADDR PORT [KEY=N]  prints "sent received lost wrong reordered ms"
 *       count=1000 size=64 window=64 flows=1 gso=1 (datagrams a send) port=0 (ours)
 *       ack=0 (1: the other end is `ack`) progress=FILE (number received, every 1024)
 *       from=ADDR (ours) pause=0 (ms after each send)
 *       idle=2000 (ms without an answer after which the outstanding ones are lost; ten times
 *       in a row, and it gives up)
 *   udppeer oneshot ADDR PORT COUNT a new socket for each; prints "answered"
 *   udppeer flood ADDR PORT COUNT   from random sources in 10.128.0.0/9 (IPv4) or fd99::/16
 *   udppeer bound PORT              holds the port, answers nothing; prints at SIGTERM how many came
 */
#include <arpa/inet.h>
#include <errno.h>
#include <error.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <poll.h>
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

#define BATCH 32
#define BUFFER (65536 + 320)
#define HEADER 16
#define MAGIC 0x7470726f78792121ULL

static uint8_t buffers[BATCH][BUFFER];

struct header {
	uint64_t magic;
	uint64_t number;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void set_int(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

static void big_buffers(int fd)
{
	/* FORCE needs the capability; tests are root. */
	set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20);
	set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20);
}

/* --- servers --- */

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
 * The answer's control messages: our address as the question had it, and the segment size of a
 * run. Written over those of the question. Returns the segment size, 0: none.
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
			if (info4) /* else the answer would have to leave by the same device */
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

static void add_segment(struct msghdr *msg, uint16_t segment)
{
	struct cmsghdr *c = (struct cmsghdr *)((char *)msg->msg_control + msg->msg_controllen);

	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(c), &segment, sizeof(segment));
	msg->msg_controllen += CMSG_SPACE(sizeof(segment));
}

static unsigned long long served;

/* One read and its answers. */
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

/* --- clients --- */

static struct sockaddr_storage peer;
static socklen_t peer_len;

static void resolve(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *info;

	if (getaddrinfo(host, port, &hints, &info))
		error(1, 0, "bad address: %s %s", host, port);
	memcpy(&peer, info->ai_addr, info->ai_addrlen);
	peer_len = info->ai_addrlen;
	freeaddrinfo(info);
}

/* Connected: an answer from anywhere else does not arrive. */
static int client_socket(const char *from, uint16_t port)
{
	struct sockaddr_storage own = { .ss_family = peer.ss_family };
	int fd = socket(peer.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		error(1, errno, "socket");
	if (own.ss_family == AF_INET6)
		set_int(fd, SOL_IPV6, IPV6_V6ONLY, 1);
	((struct sockaddr_in *)&own)->sin_port = htons(port); /* the same place in both */
	if (from && inet_pton(own.ss_family, from,
			      own.ss_family == AF_INET ?
				      (void *)&((struct sockaddr_in *)&own)->sin_addr :
				      (void *)&((struct sockaddr_in6 *)&own)->sin6_addr) != 1)
		error(2, 0, "bad address: %s", from);
	if (port) /* towards several places; without one the kernel would give the same to several */
		set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if ((port || from) && bind(fd, (struct sockaddr *)&own, peer_len))
		error(1, errno, "bind to port %u", port);
	if (connect(fd, (struct sockaddr *)&peer, peer_len))
		error(1, errno, "connect");
	return fd;
}

struct flow {
	uint64_t count, size, window, flows, gso, port, ack, idle, pause;
	const char *progress, *from;
	int *fds;
	int epoll;
	uint64_t sent, received, wrong, reordered, outstanding, lost;
	uint64_t *highest; /* of each flow */
	uint8_t *seen;     /* one bit a number */
};

static void fill(uint8_t *data, size_t size, uint64_t number)
{
	struct header h = { MAGIC, number };

	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = (number + i) * 0x9e3779b97f4a7c15ULL;

		memcpy(data + i, &word, size - i < 8 ? size - i : 8);
	}
	if (size >= HEADER)
		memcpy(data, &h, sizeof(h));
}

static void check(struct flow *f, unsigned int flow, const uint8_t *data, size_t len)
{
	static uint8_t want[65536];
	struct header h = { MAGIC, f->sent - 1 }; /* one at a time, if there is no room for it */

	if (f->outstanding)
		f->outstanding--;
	else if (f->lost) /* late, not lost */
		f->lost--;
	if (len >= HEADER)
		memcpy(&h, data, sizeof(h));
	if (h.number < f->count)
		fill(want, f->size, h.number);
	if (len != f->size || h.number >= f->count || h.number % f->flows != flow ||
	    memcmp(want, data, len) || (f->seen[h.number / 8] & (1 << (h.number % 8)))) {
		f->wrong++;
		return;
	}
	f->seen[h.number / 8] |= (uint8_t)(1 << (h.number % 8));
	if (h.number < f->highest[flow])
		f->reordered++;
	else
		f->highest[flow] = h.number;
	f->received++;
}

static void note_progress(const struct flow *f)
{
	char name[256];
	FILE *out;

	if (!f->progress)
		return;
	snprintf(name, sizeof(name), "%s.new", f->progress);
	out = fopen(name, "w");
	if (!out)
		error(1, errno, "%s", name);
	fprintf(out, "%llu\n", (unsigned long long)f->received);
	fclose(out);
	rename(name, f->progress);
}

static void take_acks(struct flow *f, const uint8_t *data)
{
	struct header h;

	memcpy(&h, data, sizeof(h));
	f->received += h.number;
	f->outstanding -= h.number < f->outstanding ? h.number : f->outstanding;
}

/* Everything that is there, of one flow. Runs come from UDP_GRO. */
static void receive(struct flow *f, unsigned int flow)
{
	char control[64] __attribute__((aligned(8)));
	struct iovec iov = { buffers[0], 65536 };
	uint64_t before = f->received;

	for (;;) {
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(f->fds[flow], &msg, 0);
		struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
		size_t segment = c && c->cmsg_type == UDP_GRO ? (size_t) * (int *)CMSG_DATA(c) : 0;
		size_t at = 0;

		if (n < 0)
			break;
		if (!segment || segment > (size_t)n)
			segment = (size_t)n;
		do {
			size_t len = (size_t)n - at < segment ? (size_t)n - at : segment;

			if (f->ack)
				take_acks(f, buffers[0] + at);
			else
				check(f, flow, buffers[0] + at, len);
			at += len;
		} while (at < (size_t)n);
	}
	if (before / 1024 != f->received / 1024)
		note_progress(f);
}

/* Numbers go round the flows; with gso > 1 there is one flow. */
static bool send_some(struct flow *f)
{
	uint64_t left = f->count - f->sent;
	uint64_t n = left < f->gso ? left : f->gso;
	char control[CMSG_SPACE(2)] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { buffers[1], n * f->size };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 0
	};

	for (uint64_t i = 0; i < n; i++) {
		if (f->ack && f->size >= HEADER)
			continue;
		fill(buffers[1] + i * f->size, f->size, f->sent + i);
	}
	if (n > 1)
		add_segment(&msg, (uint16_t)f->size);
	if (sendmsg(f->fds[f->sent % f->flows], &msg, 0) < 0) {
		/* EMSGSIZE: an earlier one was too big, the next ones leave in fragments */
		if (errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED &&
		    !(errno == EMSGSIZE && n == 1))
			error(1, errno, "send");
		return false;
	}
	f->sent += n;
	f->outstanding += n;
	return true;
}

static void open_flows(struct flow *f)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	f->epoll = epoll_create1(0);
	f->fds = calloc(f->flows, sizeof(*f->fds));
	f->highest = calloc(f->flows, sizeof(*f->highest));
	f->seen = calloc(1, f->count / 8 + 1);
	for (uint64_t i = 0; i < f->flows; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u64 = i };

		f->fds[i] = client_socket(f->from, f->port ? (uint16_t)(f->port + i) : 0);
		big_buffers(f->fds[i]);
		if (f->flows == 1)
			set_int(f->fds[i], SOL_UDP, UDP_GRO, 1);
		epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->fds[i], &ev);
	}
}

static bool may_send(const struct flow *f, uint64_t next)
{
	return f->sent < f->count && f->outstanding + f->gso <= f->window &&
	       (!next || now_ms() >= next);
}

static void run_flow(struct flow *f)
{
	uint64_t last = now_ms(), next = 0;
	unsigned int silent = 0;

	while (f->received + f->lost + f->wrong < f->count && silent < 10) {
		struct epoll_event events[64];
		int n;

		while (may_send(f, next) && send_some(f))
			next = f->pause ? now_ms() + f->pause : 0;
		n = epoll_wait(f->epoll, events, 64, f->sent < f->count ? 1 : 100);
		for (int i = 0; i < n; i++)
			receive(f, (unsigned int)events[i].data.u64);
		if (n > 0) {
			last = now_ms();
			silent = 0;
		}
		if (now_ms() - last > f->idle) {
			f->lost += f->outstanding;
			f->outstanding = 0;
			silent++;
			last = now_ms();
		}
	}
}

static int cmd_flow(char **args)
{
	static struct flow f = {
		.count = 1000, .size = 64, .window = 64, .flows = 1, .gso = 1, .idle = 2000
	};
	struct {
		const char *key;
		uint64_t *value;
	} keys[] = { { "count", &f.count }, { "size", &f.size }, { "window", &f.window },
		     { "flows", &f.flows }, { "gso", &f.gso },   { "port", &f.port },
		     { "ack", &f.ack },     { "idle", &f.idle }, { "pause", &f.pause } };
	uint64_t begin;

	for (; *args; args++) {
		size_t len = strcspn(*args, "=");
		bool found = false;

		if (!strncmp(*args, "progress=", 9) || !strncmp(*args, "from=", 5)) {
			*(**args == 'p' ? &f.progress : &f.from) = strchr(*args, '=') + 1;
			continue;
		}
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			if (strlen(keys[i].key) != len || strncmp(keys[i].key, *args, len))
				continue;
			*keys[i].value = strtoull(*args + len + 1, NULL, 10);
			found = true;
		}
		if (!found)
			error(2, 0, "unknown: %s", *args);
	}
	if (!f.size || (f.gso > 1 && f.flows > 1) || f.gso * f.size > 65000 + f.size)
		error(2, 0, "these do not go together");
	if (f.size < HEADER)
		f.window = 1; /* without a number only one can be told from the others */
	open_flows(&f);
	begin = now_ms();
	run_flow(&f);
	printf("sent %llu received %llu lost %llu wrong %llu reordered %llu ms %llu\n",
	       (unsigned long long)f.sent, (unsigned long long)f.received,
	       (unsigned long long)(f.ack ? f.lost : f.sent - f.received),
	       (unsigned long long)f.wrong, (unsigned long long)f.reordered,
	       (unsigned long long)(now_ms() - begin));
	return 0;
}

/* Fifty questions at a time, each asked up to three times, as stub resolvers do. */
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

/* --- a flood --- */

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

static uint16_t udp6_checksum(const struct ip6_hdr *ip, const struct udphdr *udp)
{
	const uint8_t *p = (const uint8_t *)&ip->ip6_src;
	uint32_t sum = IPPROTO_UDP + ntohs(udp->len);

	for (int i = 0; i < 32; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	p = (const uint8_t *)udp;
	for (int i = 0; i < ntohs(udp->len); i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void flood_one(int fd)
{
	bool v4 = peer.ss_family == AF_INET;
	struct sockaddr_storage to = peer;
	uint8_t packet[128] = { 0 };
	struct ip6_hdr *ip6 = (void *)packet;
	struct iphdr *ip = (void *)packet;
	struct udphdr *udp = (void *)(packet + (v4 ? sizeof(*ip) : sizeof(*ip6)));
	size_t len = sizeof(*udp) + 8;

	udp->source = htons((uint16_t)(1024 + random64() % 60000));
	udp->dest = ((struct sockaddr_in *)&peer)->sin_port;
	udp->len = htons((uint16_t)len);
	memcpy(udp + 1, "flooding", 8);
	if (v4) {
		*ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
		ip->saddr = htonl(0x0a800000 | (uint32_t)(random64() & 0x7fffff));
		ip->daddr = ((struct sockaddr_in *)&peer)->sin_addr.s_addr;
		len += sizeof(*ip);
	} else {
		uint64_t low[2] = { random64(), random64() };

		ip6->ip6_flow = htonl(6U << 28);
		ip6->ip6_plen = htons((uint16_t)len);
		ip6->ip6_nxt = IPPROTO_UDP;
		ip6->ip6_hlim = 64;
		memcpy(&ip6->ip6_src, low, sizeof(low));
		ip6->ip6_src.s6_addr[0] = 0xfd;
		ip6->ip6_src.s6_addr[1] = 0x99;
		ip6->ip6_dst = ((struct sockaddr_in6 *)&peer)->sin6_addr;
		udp->check = udp6_checksum(ip6, udp);
		len += sizeof(*ip6);
	}
	((struct sockaddr_in *)&to)->sin_port = 0;
	sendto(fd, packet, len, 0, (struct sockaddr *)&to, peer_len);
}

static int cmd_flood(unsigned int count)
{
	int fd = socket(peer.ss_family, SOCK_RAW, IPPROTO_RAW);

	if (fd < 0)
		error(1, errno, "raw socket");
	random_state ^= (uint64_t)getpid() << 20;
	for (unsigned int i = 0; i < count; i++)
		flood_one(fd);
	return 0;
}

/* Stands in for a local daemon that has a port and does not share it. */
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
