// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sends odd starts of flows from a client's link to a server, through whatever is between them,
 * and records which host answers. No other host has the client's addresses, so only the server's stack
 * (or a proxy's) deals with the answers.
 *
 *   oddstarts KEY=VALUE…
 *       if=c0 gate_mac=… src4=… src6=… dst4=… dst6=… gate4=… gate6=…
 *       port=7007 (a TCP echo server) closed=9 (none) udp=7008 (a UDP echo server)
 *       netns=/run/netns/S peer=s0   the server's link: packets from it to the client's own
 *                                    addresses answer a start that arrived unchanged
 *       seed=1 starts=20000          each start depends on the seed and its number
 *       show=10                      print the frames of so many starts that arrived
 *       only=N                       send this one alone
 *
 * Prints a line for each kind of oddity ("kind TAB starts TAB answered TAB arrived"), then
 * "total starts answered arrived sessions tried".
 */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "oddanswer.h"
#include "oddframes.h"

#define FIRST_PORT 1024
#define STARTS_MAX 60000
#define BATCH 64
#define SESSION_ONE_IN 8
#define QUIET_MS 2000 /* without an answer: all have arrived */
#define REQUEST "odd start"

enum { ANSWERED = 1, ARRIVED = 2, TRIED = 4, SESSION = 8 };

static const char *const kind_names[ODD_KIND_MAX] = {
#define X(symbol, name) [ODD_##symbol] = name,
	ODD_KINDS(X)
#undef X
};

static struct ends ends;
static __u64 seed = 1;
static __u32 starts = 20000;
static int client_fd, server_fd;
static struct {
	__u64 kinds;
	bool v6, udp;
	__u8 state;
} known[STARTS_MAX];

/* ---- answers ------------------------------------------------------------ */

/* The number of the start that it answers, or -1. A reset without ACK answers no SYN. */
static int answered_start(const struct answer *a)
{
	int number = a->dport - FIRST_PORT;

	if (number < 0 || number >= STARTS_MAX || !known[number].kinds)
		return -1;
	if (memcmp(a->dst, ends.src[a->v6], a->v6 ? 16 : 4) || known[number].v6 != a->v6 ||
	    a->proto != (known[number].udp ? IPPROTO_UDP : IPPROTO_TCP))
		return -1;
	if (a->proto == IPPROTO_UDP)
		return a->sport == ends.udp_port ? number : -1;
	if (a->sport != ends.port && a->sport != ends.closed)
		return -1;
	return a->flags & ACK ? number : -1;
}

/* ---- sessions ----------------------------------------------------------- */

/* Nothing odd about this one. */
static void send_segment(const struct answer *a, __u8 flags, __u32 ack, const char *data)
{
	size_t alen = a->v6 ? 16 : 4, n = TCP_LEN + strlen(data);
	size_t header = a->v6 ? IP6_LEN : IP4_LEN;
	__u8 frame[256] = { 0 }, *ip = frame + ETH_HLEN, *tcp = ip + header;
	__u8 *addrs = ip + (a->v6 ? 8 : 12);

	memcpy(frame, ends.gate_mac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, ends.mac, ETH_ALEN);
	put16(frame + 12, a->v6 ? ETH_P_IPV6 : ETH_P_IP);
	ip[0] = a->v6 ? 0x60 : 0x45;
	put16(ip + (a->v6 ? 4 : 2), (__u16)(a->v6 ? n : header + n));
	ip[a->v6 ? 6 : 9] = IPPROTO_TCP;
	ip[a->v6 ? 7 : 8] = 64;
	memcpy(addrs, ends.src[a->v6], alen);
	memcpy(addrs + alen, ends.dst[a->v6], alen);
	if (!a->v6)
		put16(ip + 10, fold_sum(sum_words(0, ip, header)));
	put16(tcp, a->dport);
	put16(tcp + 2, a->sport);
	put32(tcp + 4, a->ack);
	put32(tcp + 8, ack);
	tcp[12] = TCP_LEN / 4 << 4;
	tcp[13] = flags;
	put16(tcp + 14, 64240);
	memcpy(tcp + TCP_LEN, data, strlen(data));
	put16(tcp + 16, l4_sum(addrs, alen, IPPROTO_TCP, tcp, n));
	send(client_fd, frame, ETH_HLEN + header + n, 0);
}

/* Some of the handshakes are completed, to see that data flows; all are ended. */
static void go_on(int number, const struct answer *a)
{
	bool session = known[number].state & TRIED;

	if (a->flags & RST)
		return;
	if (a->flags & SYN && !session && number % SESSION_ONE_IN == 0) {
		known[number].state |= TRIED;
		send_segment(a, ACK | PSH, a->seq + 1, REQUEST);
	} else if (session && a->data_n >= strlen(REQUEST) &&
		   !memcmp(a->data, REQUEST, strlen(REQUEST))) {
		known[number].state |= SESSION;
		send_segment(a, RST | ACK, a->seq + (__u32)a->data_n, "");
	} else if (!session) {
		send_segment(a, RST, 0, "");
	}
}

/* Packets that have come on one link; how many answers. */
static int drain(int fd, bool server)
{
	static __u8 frame[FRAME_MAX];
	struct sockaddr_ll from;
	socklen_t size = sizeof(from);
	int answers = 0;
	struct answer a;
	ssize_t n;

	while ((n = recvfrom(fd, frame, sizeof(frame), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &size)) >= 0) {
		int number;

		if ((from.sll_pkttype == PACKET_OUTGOING) != server ||
		    !read_answer(frame, (size_t)n, &a))
			continue;
		number = answered_start(&a);
		if (number < 0)
			continue;
		answers++;
		known[number].state |= server ? ARRIVED : ANSWERED;
		if (!server && a.proto == IPPROTO_TCP)
			go_on(number, &a);
	}
	return answers;
}

static void drain_all(void)
{
	struct pollfd fds[] = { { .fd = client_fd, .events = POLLIN },
				{ .fd = server_fd, .events = POLLIN } };
	struct timespec t;
	time_t end;

	clock_gettime(CLOCK_MONOTONIC, &t);
	end = t.tv_sec + 15; /* retransmissions never end */
	while (t.tv_sec < end && poll(fds, 2, QUIET_MS) > 0) {
		drain(client_fd, false);
		drain(server_fd, true);
		clock_gettime(CLOCK_MONOTONIC, &t);
	}
}

/* ---- starts ------------------------------------------------------------- */

static const struct start *build(__u32 number)
{
	static struct start s;
	struct rng r = { seed * 0x100000001b3ULL + number };

	r.state = rng_next(&r);
	start_build(&s, &ends, &r, number, (__u16)(FIRST_PORT + number));
	known[number].kinds = recipe_kinds(&s.c);
	known[number].v6 = s.c.v6;
	known[number].udp = s.c.udp;
	return &s;
}

static void send_start(__u32 number)
{
	const struct start *s = build(number);

	for (size_t i = 0; i < s->n; i++)
		if (send(client_fd, s->frames[i].data, s->frames[i].len, 0) < 0 &&
		    errno != EMSGSIZE && errno != ENOBUFS)
			error(1, errno, "start %u", number);
}

static void send_all(__u32 first, __u32 end)
{
	for (__u32 i = first; i < end; i++) {
		send_start(i);
		if (i % BATCH == BATCH - 1) {
			drain(client_fd, false);
			drain(server_fd, true);
		}
	}
	drain_all();
}

/* ---- results ------------------------------------------------------------ */

static void show(__u32 number)
{
	const struct start *s = build(number);

	printf("arrived: start %u of seed %llu, %s over %s:", number, seed,
	       s->c.udp ? "UDP" : "TCP", s->c.v6 ? "IPv6" : "IPv4");
	for (int i = 0; i < ODD_KIND_MAX; i++)
		if (known[number].kinds >> i & 1)
			printf(" [%s]", kind_names[i]);
	printf("\n");
	for (size_t i = 0; i < s->n; i++) {
		printf("   ");
		for (size_t k = 0; k < s->frames[i].len; k++)
			printf("%02x", s->frames[i].data[k]);
		printf("\n");
	}
}

static void report(__u32 first, __u32 end, __u32 most)
{
	__u32 all[4] = { 0 }, sum[ODD_KIND_MAX][3] = { { 0 } };

	for (__u32 i = first; i < end; i++) {
		__u8 state = known[i].state;

		if (state & ARRIVED && most) {
			most--;
			show(i);
		}
		for (int k = 0; k < ODD_KIND_MAX; k++) {
			if (!(known[i].kinds >> k & 1))
				continue;
			sum[k][0]++;
			sum[k][1] += state & ANSWERED ? 1 : 0;
			sum[k][2] += state & ARRIVED ? 1 : 0;
		}
		all[0] += state & ANSWERED ? 1 : 0;
		all[1] += state & ARRIVED ? 1 : 0;
		all[2] += state & SESSION ? 1 : 0;
		all[3] += state & TRIED ? 1 : 0;
	}
	for (int k = 0; k < ODD_KIND_MAX; k++)
		printf("%s\t%u\t%u\t%u\n", kind_names[k], sum[k][0], sum[k][1], sum[k][2]);
	printf("total %u %u %u %u %u\n", end - first, all[0], all[1], all[2], all[3]);
}

/* ---- set-up ------------------------------------------------------------- */

static int packet_socket(const char *ifname, int outgoing)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), room = 64 << 20, quiet = !outgoing;

	at.sll_ifindex = (int)if_nametoindex(ifname);
	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		error(1, errno, "%s", ifname);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &quiet, sizeof(quiet));
	return fd;
}

/* In the server's namespace, where this process has its socket and then leaves again. */
static int server_socket(const char *netns, const char *ifname)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;
	int away = open(netns, O_RDONLY | O_CLOEXEC);

	if (home < 0 || away < 0 || setns(away, CLONE_NEWNET))
		error(1, errno, "%s", netns);
	fd = packet_socket(ifname, 1);
	if (setns(home, CLONE_NEWNET))
		error(1, errno, "back from %s", netns);
	close(home);
	close(away);
	return fd;
}

static const char *setting(char **argv, const char *key, const char *usual)
{
	size_t n = strlen(key);

	for (; *argv; argv++)
		if (!strncmp(*argv, key, n) && (*argv)[n] == '=')
			return *argv + n + 1;
	if (!usual)
		error(2, 0, "%s= is missing", key);
	return usual;
}

static void read_addresses(char **argv)
{
	static const struct {
		const char *key;
		__u8 *to;
	} wanted[] = {
		{ "src4", ends.src[0] }, { "src6", ends.src[1] },   { "dst4", ends.dst[0] },
		{ "dst6", ends.dst[1] }, { "gate4", ends.gate[0] }, { "gate6", ends.gate[1] },
	};
	__u8 *mac = ends.gate_mac;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (inet_pton(i % 2 ? AF_INET6 : AF_INET, setting(argv, wanted[i].key, NULL),
			      wanted[i].to) != 1)
			error(2, 0, "bad %s", wanted[i].key);
	if (sscanf(setting(argv, "gate_mac", NULL), "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1,
		   mac + 2, mac + 3, mac + 4, mac + 5) != 6)
		error(2, 0, "bad gate_mac");
	ends.port = (__u16)atoi(setting(argv, "port", "7007"));
	ends.udp_port = (__u16)atoi(setting(argv, "udp", "7008"));
	ends.closed = (__u16)atoi(setting(argv, "closed", "9"));
}

int main(int argc, char **argv)
{
	struct ifreq link = { 0 };
	__u32 first = 0;
	const char *only;

	if (argc < 2)
		error(2, 0, "which link?");
	read_addresses(argv + 1);
	seed = strtoull(setting(argv + 1, "seed", "1"), NULL, 0);
	starts = (__u32)atoi(setting(argv + 1, "starts", "20000"));
	if (starts > STARTS_MAX)
		error(2, 0, "at most %d starts", STARTS_MAX);
	snprintf(link.ifr_name, sizeof(link.ifr_name), "%s", setting(argv + 1, "if", NULL));
	client_fd = packet_socket(link.ifr_name, 0);
	if (ioctl(client_fd, SIOCGIFHWADDR, &link))
		error(1, errno, "%s", link.ifr_name);
	memcpy(ends.mac, link.ifr_hwaddr.sa_data, ETH_ALEN);
	server_fd =
		server_socket(setting(argv + 1, "netns", NULL), setting(argv + 1, "peer", NULL));
	only = setting(argv + 1, "only", "");
	if (*only) {
		first = (__u32)atoi(only);
		starts = first + 1;
	}
	send_all(first, starts);
	report(first, starts, (__u32)atoi(setting(argv + 1, "show", "10")));
	return 0;
}
