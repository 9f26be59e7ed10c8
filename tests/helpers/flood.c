/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends UDP datagrams as frames, without the queue of the device, faster than the stack would:
 *   flood DEVICE MAC SOURCE DESTINATION PORT COUNT
 * IPv4; MAC is that of the next hop. Prints how many were sent, and how many a second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64

struct frame {
	struct ether_header eth;
	struct iphdr ip;
	struct udphdr udp;
	char data[18]; /* the smallest frame */
} __attribute__((packed));

static unsigned short checksum(const void *data, size_t size)
{
	const unsigned char *bytes = data;
	unsigned int sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (unsigned int)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((unsigned short)~sum);
}

static int make(struct frame *f, char **argv)
{
	const struct ether_addr *mac = ether_aton(argv[2]);

	memset(f, 0, sizeof(*f));
	f->eth.ether_type = htons(ETHERTYPE_IP);
	f->ip.version = 4;
	f->ip.ihl = 5;
	f->ip.ttl = 64;
	f->ip.protocol = IPPROTO_UDP;
	f->ip.tot_len = htons(sizeof(*f) - sizeof(f->eth));
	f->udp.source = htons(1024);
	f->udp.dest = htons((unsigned short)atoi(argv[5]));
	f->udp.len = htons(sizeof(f->udp) + sizeof(f->data));
	if (!mac || inet_pton(AF_INET, argv[3], &f->ip.saddr) != 1 ||
	    inet_pton(AF_INET, argv[4], &f->ip.daddr) != 1)
		return -1;
	memcpy(f->eth.ether_dhost, mac, sizeof(f->eth.ether_dhost));
	f->eth.ether_shost[0] = 2;
	f->ip.check = checksum(&f->ip, sizeof(f->ip));
	return 0;
}

static int open_device(const char *name)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
				    .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -1;
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	return fd;
}

/* The kernel refuses a frame for which there is no room: then it is sent once more. */
static unsigned long flood(int fd, struct frame *f, unsigned long count)
{
	struct iovec part = { f, sizeof(*f) };
	struct mmsghdr messages[BATCH] = { 0 };
	unsigned long sent = 0;

	for (int i = 0; i < BATCH; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &part, .msg_iovlen = 1 };
	while (sent < count) {
		unsigned long left = count - sent;
		int n = sendmmsg(fd, messages, left < BATCH ? (unsigned int)left : BATCH, 0);

		if (n < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			break;
		sent += n > 0 ? (unsigned long)n : 0;
	}
	return sent;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	unsigned long count, sent;
	struct frame f;
	double begin;
	int fd;

	if (argc != 7 || make(&f, argv)) {
		fprintf(stderr, "flood DEVICE MAC SOURCE DESTINATION PORT COUNT\n");
		return 2;
	}
	count = strtoul(argv[6], NULL, 10);
	fd = open_device(argv[1]);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	begin = seconds();
	sent = flood(fd, &f, count);
	printf("%lu %.0f\n", sent, (double)sent / (seconds() - begin));
	return sent != count;
}
