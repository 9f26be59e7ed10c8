// SPDX-License-Identifier: BSD-2-Clause
/*
 * Cost of one packet of an established TCP flow, by injection through a tap: the
 * write() runs the whole receive path. Several set-ups, each in a network namespace
 * of its own, are measured in turn (A B C A B C …), so that what disturbs one
 * disturbs all; the result is the median of the ratios to the first.
 *
 * usage: pktcost ROUNDS PACKETS NAME=NETNS=DESTINATION …
 * Each namespace has a tap0 with 10.99.0.1/24 and a neighbour entry for 10.99.0.2.
 * Prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_SETUPS 8
#define MAX_ROUNDS 200
#define PROXY_PORT 8080
#define PEER "10.99.0.2"
#define PEER_PORT 40000

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

struct setup {
	const char *name;
	int tap, listener, connection;
	struct frame ack;
	double ns[MAX_ROUNDS];
};

static uint16_t checksum(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void seal(struct frame *f)
{
	uint32_t pseudo;

	f->ip.check = 0;
	f->ip.check = htons((uint16_t)~checksum(&f->ip, sizeof(f->ip), 0));
	pseudo = checksum(&f->ip.saddr, 8, IPPROTO_TCP + sizeof(f->tcp));
	f->tcp.check = 0;
	f->tcp.check = htons((uint16_t)~checksum(&f->tcp, sizeof(f->tcp), pseudo));
}

static void enter(const char *netns)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		error(1, errno, "%s", path);
	close(fd);
}

static int open_tap(uint8_t mac[ETH_ALEN])
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(ifr.ifr_name, "tap0");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr))
		error(1, errno, "tap0");
	if (probe < 0 || ioctl(probe, SIOCGIFHWADDR, &ifr))
		error(1, errno, "tap0");
	memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	close(probe);
	return fd;
}

static int listen_transparent(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PROXY_PORT) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_IP, IP_TRANSPARENT, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 16))
		error(1, errno, "listener");
	return fd;
}

static void inject(const struct setup *s, const struct frame *f)
{
	if (write(s->tap, f, sizeof(*f)) != sizeof(*f))
		error(1, errno, "%s: tap", s->name);
}

/* The SYN-ACK's sequence number, found among whatever else leaves by the tap. */
static uint32_t wait_synack(const struct setup *s)
{
	struct pollfd p = { .fd = s->tap, .events = POLLIN };
	uint8_t buf[2048];

	while (poll(&p, 1, 2000) > 0) {
		const struct frame *f = (const void *)buf;
		ssize_t len = read(s->tap, buf, sizeof(buf));

		if (len >= (ssize_t)sizeof(*f) && f->eth.h_proto == htons(ETH_P_IP) &&
		    f->ip.protocol == IPPROTO_TCP && f->tcp.syn && f->tcp.ack &&
		    f->tcp.dest == htons(PEER_PORT))
			return ntohl(f->tcp.seq);
	}
	error(1, 0, "%s: the SYN was not answered", s->name);
	return 0;
}

static void establish(struct setup *s, const uint8_t mac[ETH_ALEN], const char *destination)
{
	struct frame *f = &s->ack;

	memcpy(f->eth.h_dest, mac, ETH_ALEN);
	memcpy(f->eth.h_source, (uint8_t[]){ 2, 0, 0, 0, 0, 2 }, ETH_ALEN);
	f->eth.h_proto = htons(ETH_P_IP);
	f->ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP };
	f->ip.tot_len = htons(sizeof(f->ip) + sizeof(f->tcp));
	inet_pton(AF_INET, PEER, &f->ip.saddr);
	if (inet_pton(AF_INET, destination, &f->ip.daddr) != 1)
		error(1, 0, "%s: not an address", destination);
	f->tcp = (struct tcphdr){ .syn = 1, .doff = 5, .window = htons(65535) };
	f->tcp.source = htons(PEER_PORT);
	f->tcp.dest = htons(PROXY_PORT);
	f->tcp.seq = htonl(1000);
	seal(f);
	inject(s, f);
	f->tcp.ack_seq = htonl(wait_synack(s) + 1);
	f->tcp.seq = htonl(1001);
	f->tcp.syn = 0;
	f->tcp.ack = 1;
	seal(f);
	inject(s, f);
	s->connection = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	if (s->connection < 0)
		error(1, errno, "%s: accept", s->name);
}

static void prepare(struct setup *s, char *text)
{
	char *netns = strchr(text, '=');
	char *destination = netns ? strchr(netns + 1, '=') : NULL;
	uint8_t mac[ETH_ALEN];

	if (!destination)
		error(2, 0, "%s: expected NAME=NETNS=DESTINATION", text);
	*netns++ = '\0';
	*destination++ = '\0';
	s->name = text;
	enter(netns);
	s->tap = open_tap(mac);
	s->listener = listen_transparent();
	establish(s, mac, destination);
}

static double measure(const struct setup *s, int packets)
{
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (int i = 0; i < packets; i++)
		inject(s, &s->ack);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / packets;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double quantile(const double *values, int n, double q)
{
	double sorted[MAX_ROUNDS];

	memcpy(sorted, values, (size_t)n * sizeof(*values));
	qsort(sorted, (size_t)n, sizeof(*sorted), by_value);
	return sorted[(int)(q * (n - 1) + 0.5)];
}

static void print_setup(const struct setup *s, const struct setup *base, int rounds, bool last)
{
	double ratio[MAX_ROUNDS], extra[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++) {
		ratio[i] = s->ns[i] / base->ns[i];
		extra[i] = s->ns[i] - base->ns[i];
	}
	printf("{\"name\":\"%s\",\"ns_q1\":%.0f,\"ns_median\":%.0f,\"extra_ns_median\":%.0f,"
	       "\"ratio_q1\":%.3f,\"ratio_median\":%.3f,\"ratio_q3\":%.3f}%s\n",
	       s->name, quantile(s->ns, rounds, .25), quantile(s->ns, rounds, .5),
	       quantile(extra, rounds, .5), quantile(ratio, rounds, .25),
	       quantile(ratio, rounds, .5), quantile(ratio, rounds, .75), last ? "" : ",");
}

int main(int argc, char **argv)
{
	static struct setup setups[MAX_SETUPS];
	int rounds = argc > 1 ? atoi(argv[1]) : 0, packets = argc > 2 ? atoi(argv[2]) : 0;
	int n = argc - 3;

	if (n < 1 || n > MAX_SETUPS || rounds < 1 || rounds > MAX_ROUNDS || packets < 1)
		error(2, 0, "usage: pktcost ROUNDS PACKETS NAME=NETNS=DESTINATION ...");
	for (int i = 0; i < n; i++)
		prepare(&setups[i], argv[3 + i]);
	for (int i = 0; i < n; i++)
		measure(&setups[i], packets); /* warm */
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++)
			setups[i].ns[round] = measure(&setups[i], packets);
	printf("{\"rounds\":%d,\"packets\":%d,\"setups\":[\n", rounds, packets);
	for (int i = 0; i < n; i++)
		print_setup(&setups[i], &setups[0], rounds, i == n - 1);
	printf("]}\n");
	return 0;
}
