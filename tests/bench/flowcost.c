// SPDX-License-Identifier: BSD-2-Clause
/*
 * Cost of a flow's first packet, by injection through a tap: each a SYN from another
 * port. Several set-ups, each in a network namespace of its own, are measured in turn
 * (A B C A B C …); the result is the median of what each costs more than the first.
 *
 * usage: flowcost ROUNDS PACKETS PORT NAME=NETNS=DESTINATION …
 * Each namespace has a tap0 with 10.99.0.1/24. Prints one JSON object.
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
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_SETUPS 64
#define MAX_ROUNDS 200
#define PEER "10.99.0.2"

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

struct setup {
	const char *name, *netns;
	int tap;
	struct frame syn;
	double ns[MAX_ROUNDS];
};

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static int open_tap(const char *netns, uint8_t mac[ETH_ALEN])
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	char path[128];
	int tap, probe, ns;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET))
		error(1, errno, "%s", path);
	close(ns);
	strcpy(ifr.ifr_name, "tap0");
	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (tap < 0 || ioctl(tap, TUNSETIFF, &ifr) || ioctl(probe, SIOCGIFHWADDR, &ifr))
		error(1, errno, "tap0");
	memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	close(probe);
	return tap;
}

/* before: the set-up in front of it, or NULL; two of one namespace share its tap. */
static void prepare(struct setup *s, const struct setup *before, char *text, int port)
{
	char *netns = strchr(text, '=');
	char *destination = netns ? strchr(netns + 1, '=') : NULL;
	struct frame *f = &s->syn;

	if (!destination)
		error(2, 0, "%s: expected NAME=NETNS=DESTINATION", text);
	*netns++ = '\0';
	*destination++ = '\0';
	s->name = text;
	s->netns = netns;
	if (before && !strcmp(before->netns, netns)) {
		s->tap = before->tap;
		memcpy(f->eth.h_dest, before->syn.eth.h_dest, ETH_ALEN);
	} else {
		s->tap = open_tap(netns, f->eth.h_dest);
	}
	memcpy(f->eth.h_source, (uint8_t[]){ 2, 0, 0, 0, 0, 2 }, ETH_ALEN);
	f->eth.h_proto = htons(ETH_P_IP);
	f->ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP };
	f->ip.tot_len = htons(sizeof(f->ip) + sizeof(f->tcp));
	inet_pton(AF_INET, PEER, &f->ip.saddr);
	if (inet_pton(AF_INET, destination, &f->ip.daddr) != 1)
		error(1, 0, "%s: not an address", destination);
	f->ip.check = checksum(&f->ip, sizeof(f->ip));
	f->tcp = (struct tcphdr){ .syn = 1, .doff = 5, .window = htons(65535) };
	f->tcp.dest = htons((uint16_t)port);
}

static double measure(struct setup *s, int packets)
{
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (int i = 0; i < packets; i++) {
		s->syn.tcp.source = htons((uint16_t)(1024 + i % 60000));
		if (write(s->tap, &s->syn, sizeof(s->syn)) != sizeof(s->syn))
			error(1, errno, "%s: tap", s->name);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / packets;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double quantile(double *values, int n, double q)
{
	qsort(values, (size_t)n, sizeof(*values), by_value);
	return values[(int)(q * (n - 1) + 0.5)];
}

static void print_setup(const struct setup *s, const struct setup *base, int rounds, int last)
{
	double extra[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++)
		extra[i] = s->ns[i] - base->ns[i];
	printf("{\"name\":\"%s\",\"extra_ns_q1\":%.0f,\"extra_ns_median\":%.0f,\"extra_ns_q3\":%.0f}%s\n",
	       s->name, quantile(extra, rounds, .25), quantile(extra, rounds, .5),
	       quantile(extra, rounds, .75), last ? "" : ",");
}

int main(int argc, char **argv)
{
	static struct setup setups[MAX_SETUPS];
	int rounds = argc > 3 ? atoi(argv[1]) : 0, packets = argc > 3 ? atoi(argv[2]) : 0;
	int n = argc - 4;

	if (n < 1 || n > MAX_SETUPS || rounds < 1 || rounds > MAX_ROUNDS || packets < 1)
		error(2, 0, "usage: flowcost ROUNDS PACKETS PORT NAME=NETNS=DESTINATION ...");
	for (int i = 0; i < n; i++)
		prepare(&setups[i], i ? &setups[i - 1] : NULL, argv[4 + i], atoi(argv[3]));
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
