/* SPDX-License-Identifier: BSD-2-Clause */
/* udppeer flood: datagrams from random sources, through a raw socket. */
#ifndef UDPFLOOD_H
#define UDPFLOOD_H

#include <netinet/ip.h>
#include <netinet/ip6.h>

#include "udppeer.h"

static uint64_t random_state = 88172645463325252ULL;

static inline uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

static inline uint16_t udp6_checksum(const struct ip6_hdr *ip, const struct udphdr *udp)
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

static inline void flood_one(int fd)
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

static inline int cmd_flood(unsigned int count)
{
	int fd = socket(peer.ss_family, SOCK_RAW, IPPROTO_RAW);

	if (fd < 0)
		error(1, errno, "raw socket");
	random_state ^= (uint64_t)getpid() << 20;
	for (unsigned int i = 0; i < count; i++)
		flood_one(fd);
	return 0;
}

#endif
