/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/probe/frame.h"

#include <linux/if_ether.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "lib/inetsum.h"
#include "lib/util.h"

static void put(struct frame *f, const void *bytes, size_t len)
{
	memcpy(f->data + f->len, bytes, len);
	f->len += len;
}

static __u16 l4_len(__u8 proto)
{
	return proto == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
}

static void put_ip(struct frame *f, __u8 proto, const struct endpoint *src,
		   const struct endpoint *dst)
{
	struct iphdr v4 = { .version = 4, .ihl = 5, .ttl = 64, .protocol = proto };
	struct ip6_hdr v6 = { .ip6_vfc = 0x60 };

	if (dst->family == AF_INET) {
		v4.tot_len = htons((__u16)(sizeof(v4) + l4_len(proto)));
		memcpy(&v4.saddr, src->addr, sizeof(v4.saddr));
		memcpy(&v4.daddr, dst->addr, sizeof(v4.daddr));
		v4.check = inetsum_fold(inetsum_add(0, &v4, sizeof(v4)));
		put(f, &v4, sizeof(v4));
		return;
	}
	v6.ip6_plen = htons(l4_len(proto));
	v6.ip6_nxt = proto;
	v6.ip6_hlim = 64;
	memcpy(&v6.ip6_src, src->addr, sizeof(v6.ip6_src));
	memcpy(&v6.ip6_dst, dst->addr, sizeof(v6.ip6_dst));
	put(f, &v6, sizeof(v6));
}

/* RFC 9293 3.1, RFC 768 and RFC 8200 8.1: it covers addresses, protocol and length as well. */
static __u16 checksum(__u8 proto, const struct endpoint *src, const struct endpoint *dst,
		      const void *header)
{
	size_t len = dst->family == AF_INET ? 4 : 16;
	__u64 sum = inetsum_add(0, src->addr, len);

	sum = inetsum_add(sum, dst->addr, len);
	return inetsum_fold(inetsum_add(sum + proto + l4_len(proto), header, l4_len(proto)));
}

static void put_tcp(struct frame *f, const struct endpoint *src, const struct endpoint *dst)
{
	struct tcphdr tcp = { .source = htons(src->port),
			      .dest = htons(dst->port),
			      .doff = 5,
			      .syn = 1,
			      .window = htons(65535) };

	tcp.check = checksum(IPPROTO_TCP, src, dst, &tcp);
	put(f, &tcp, sizeof(tcp));
}

static void put_udp(struct frame *f, const struct endpoint *src, const struct endpoint *dst)
{
	struct udphdr udp = { .source = htons(src->port),
			      .dest = htons(dst->port),
			      .len = htons(sizeof(udp)) };

	udp.check = checksum(IPPROTO_UDP, src, dst, &udp);
	if (!udp.check) /* zero would mean: no checksum */
		udp.check = 0xffff;
	put(f, &udp, sizeof(udp));
}

void frame_make(struct frame *ret_frame, __u8 proto, const struct endpoint *src,
		const struct endpoint *dst, const __u8 *to)
{
	/* Locally administered, RFC 7042 2.1. */
	struct ethhdr eth = { .h_source = { 2, 0, 0, 0, 0, 9 } };

	*ret_frame = (struct frame){ .len = 0 };
	memcpy(eth.h_dest, to, sizeof(eth.h_dest));
	eth.h_proto = htons(dst->family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
	put(ret_frame, &eth, sizeof(eth));
	put_ip(ret_frame, proto, src, dst);
	if (proto == IPPROTO_TCP)
		put_tcp(ret_frame, src, dst);
	else
		put_udp(ret_frame, src, dst);
}

void frame_end_here(struct frame *frame)
{
	struct iphdr v4;

	memcpy(&v4, frame->data + sizeof(struct ethhdr), sizeof(v4));
	if (v4.version != 4) {
		frame->data[sizeof(struct ethhdr) + offsetof(struct ip6_hdr, ip6_hlim)] = 1;
		return;
	}
	v4.ttl = 1;
	v4.check = 0;
	v4.check = inetsum_fold(inetsum_add(0, &v4, sizeof(v4)));
	memcpy(frame->data + sizeof(struct ethhdr), &v4, sizeof(v4));
}

int frame_device(int ifindex, __u8 *ret_address, bool *ret_ethernet)
{
	__cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };

	if (fd < 0 || !if_indextoname((unsigned int)ifindex, ifr.ifr_name) ||
	    ioctl(fd, SIOCGIFHWADDR, &ifr))
		return -errno;
	memcpy(ret_address, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	*ret_ethernet = ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	return 0;
}
