/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Injection of IPv4 TCP packets through the tap of a network namespace, and quantiles of the
 * cost. Each namespace has a tap0 with 10.99.0.1/24; the packets come from PEER.
 */
#ifndef INJECT_H
#define INJECT_H

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

#define MAX_ROUNDS 200
#define PEER "10.99.0.2"

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

/* In host byte order, not inverted; an odd last byte does not count. */
static inline uint16_t fold_sum(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Cuts NAME=NETNS=DESTINATION: text is only the name afterwards. */
static inline void split_setup(char *text, const char **ret_netns, const char **ret_destination)
{
	char *netns = strchr(text, '=');
	char *destination = netns ? strchr(netns + 1, '=') : NULL;

	if (!destination)
		error(2, 0, "%s: expected NAME=NETNS=DESTINATION", text);
	*netns++ = '\0';
	*destination++ = '\0';
	*ret_netns = netns;
	*ret_destination = destination;
}

static inline void enter(const char *netns)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		error(1, errno, "%s", path);
	close(fd);
}

/* In the current namespace. */
static inline int open_tap(uint8_t mac[ETH_ALEN])
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

/* A SYN of PEER without ports and checksum of TCP. */
static inline void fill_syn(struct frame *f, const uint8_t mac[ETH_ALEN], const char *destination)
{
	memcpy(f->eth.h_dest, mac, ETH_ALEN);
	memcpy(f->eth.h_source, (uint8_t[]){ 2, 0, 0, 0, 0, 2 }, ETH_ALEN);
	f->eth.h_proto = htons(ETH_P_IP);
	f->ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP };
	f->ip.tot_len = htons(sizeof(f->ip) + sizeof(f->tcp));
	inet_pton(AF_INET, PEER, &f->ip.saddr);
	if (inet_pton(AF_INET, destination, &f->ip.daddr) != 1)
		error(1, 0, "%s: not an address", destination);
	f->ip.check = htons((uint16_t)~fold_sum(&f->ip, sizeof(f->ip), 0));
	f->tcp = (struct tcphdr){ .syn = 1, .doff = 5, .window = htons(65535) };
}

static inline void inject(int tap, const char *name, const struct frame *f)
{
	if (write(tap, f, sizeof(*f)) != sizeof(*f))
		error(1, errno, "%s: tap", name);
}

static inline double ns_between(const struct timespec *a, const struct timespec *b)
{
	return (double)(b->tv_sec - a->tv_sec) * 1e9 + (double)(b->tv_nsec - a->tv_nsec);
}

static inline int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static inline double quantile(const double *values, int n, double q)
{
	double sorted[MAX_ROUNDS];

	memcpy(sorted, values, (size_t)n * sizeof(*values));
	qsort(sorted, (size_t)n, sizeof(*sorted), by_value);
	return sorted[(int)(q * (n - 1) + 0.5)];
}

#endif
