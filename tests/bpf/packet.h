/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds Ethernet frames from a description. What the description leaves at zero gets a valid
 * value: lengths, checksums, types; the default is a TCP SYN from the usual client.
 */
#ifndef PACKET_H
#define PACKET_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/types.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "tap.h"

#define IP4_LEN 20
#define IP6_LEN 40
#define TCP_LEN 20
#define UDP_LEN 8
#define ICMP_LEN 8
#define CLIENT_PORT 40000

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20
#define ECE 0x40
#define CWR 0x80
#define NO_FLAGS 0x100 /* 0 in the packet */

#define DF 0x4000
#define MF 0x2000

struct bytes {
	const __u8 *at;
	size_t n;
};
#define BYTES(...)                                                                                 \
	{                                                                                          \
		(const __u8[]){ __VA_ARGS__ }, sizeof((const __u8[]){ __VA_ARGS__ })               \
	}

/* IPv6 extension headers, for struct spec.middle. */
#define EXT(next) (next), 0, 1, 4, 0, 0, 0, 0 /* hop-by-hop or destination options: PadN */
#define EXT16(next) (next), 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define RTHDR(next, left) (next), 0, 0, (left), 0, 0, 0, 0
#define AHDR(next) (next), 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0 /* (2 + 2) * 4 bytes */
#define FRAGHDR(next, offset, more, id)                                                            \
	(next), 0, (offset) >> 8, ((offset)&0xf8) | (more), 0, 0, 0, (id)

static const __u8 mac_host[ETH_ALEN] = { 2, 0, 0, 0, 0, 1 }; /* of the interface we enter */
static const __u8 mac_client[ETH_ALEN] = { 2, 0, 0, 0, 0, 9 };

struct spec {
	const char *src, *dst; /* dst decides the family; no src: the usual client */
	__u16 sport, dport;    /* 0: CLIENT_PORT */
	__u16 proto;           /* 0: TCP */
	__u16 flags;           /* 0: SYN */
	struct bytes middle;   /* IPv4 options, IPv6 extension headers */
	__u8 next;             /* the first extension header */
	__u16 frag;            /* IPv4: flags and offset in units of 8 bytes */
	__u16 id;              /* IPv4 */
	struct bytes body;     /* in place of the upper-layer header and payload */
	__u16 payload;         /* bytes after the upper-layer header */
	__u16 cut;             /* IP bytes that arrive; 0: all */
	__u16 declared;        /* total or payload length in the header; 0: right, 0xffff: 0 */
	struct bytes pad;      /* after the packet, as a link may pad it */
	struct bytes tags;     /* before the packet: rest of VLAN tags; ethertype is the first's */
	__u16 ethertype;
	__u16 ttl;         /* or hop limit; 0: 17, 0x100: 0 */
	__u8 version, ihl; /* ihl 0xff: 0 */
	const __u8 *mac;
	__u32 mark;
};

/* The number of the upper-layer protocol. */
#define HOP IPPROTO_HOPOPTS
#define DST IPPROTO_DSTOPTS
#define RT IPPROTO_ROUTING
#define FRG IPPROTO_FRAGMENT
#define AUTH IPPROTO_AH
#define TCP IPPROTO_TCP
#define UDP IPPROTO_UDP

/* Fields of struct spec. */
#define TCP80 .dport = 80
#define UDP53 .proto = IPPROTO_UDP, .dport = 53

/* Both ends of flows that sockets of this host own, and a packet of the client on a port. */
#define SERVER4 "10.98.0.1"
#define CLIENT4 "10.98.0.2"
#define SERVER6 "fd98::1"
#define CLIENT6 "fd98::2"
#define TO_SERVER4(port) .src = CLIENT4, .dst = SERVER4, .dport = (port)
#define TO_SERVER6(port) .src = CLIENT6, .dst = SERVER6, .dport = (port)

struct packet {
	__u8 data[2048];
	size_t len;     /* with the Ethernet header */
	__u16 ip_bytes; /* as the header says */
};

static inline __u32 sum_words(__u32 sum, const __u8 *at, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (__u32)(at[i] << 8 | at[i + 1]);
	return n % 2 ? sum + (__u32)(at[n - 1] << 8) : sum;
}

/* In host byte order; 0 over data that contains its checksum. */
static inline __u16 fold_sum(__u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

static inline void put16(__u8 *at, __u16 value)
{
	at[0] = (__u8)(value >> 8);
	at[1] = (__u8)value;
}

static inline __u16 get16(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

static inline bool spec_is_v6(const struct spec *spec)
{
	return strchr(spec->dst, ':') != NULL;
}

/* Over the pseudo header and l4; addrs: source and destination, 2 × alen bytes. */
static inline __u16 l4_sum(const __u8 *addrs, size_t alen, __u8 proto, const __u8 *l4, size_t n)
{
	return fold_sum(sum_words(sum_words((__u32)n + proto, addrs, 2 * alen), l4, n));
}

static inline size_t put_l4(const struct spec *spec, __u8 *l4, const __u8 *addrs, size_t alen)
{
	__u8 proto = spec->proto ? (__u8)spec->proto : IPPROTO_TCP;
	size_t header = proto == IPPROTO_UDP ? UDP_LEN : TCP_LEN;
	size_t n = header + spec->payload;

	if (spec->body.n) {
		memcpy(l4, spec->body.at, spec->body.n);
		return spec->body.n;
	}
	put16(l4, spec->sport ? spec->sport : CLIENT_PORT);
	put16(l4 + 2, spec->dport);
	if (proto == IPPROTO_UDP) {
		put16(l4 + 4, (__u16)n);
		put16(l4 + 6, l4_sum(addrs, alen, proto, l4, n));
		return n;
	}
	l4[7] = 100; /* sequence number */
	l4[12] = TCP_LEN / 4 << 4;
	l4[13] = spec->flags ? (__u8)spec->flags : SYN;
	put16(l4 + 14, 65000);
	put16(l4 + 16, l4_sum(addrs, alen, proto, l4, n));
	return n;
}

static inline void put_addrs(const struct spec *spec, int family, __u8 *at, size_t alen)
{
	const char *usual = family == AF_INET ? "10.99.0.1" : "fd99::1";

	if (inet_pton(family, spec->src ? spec->src : usual, at) != 1 ||
	    inet_pton(family, spec->dst, at + alen) != 1)
		tap_bail("bad address in a packet to %s", spec->dst);
}

static inline __u16 declared_length(const struct spec *spec, size_t right)
{
	if (!spec->declared)
		return (__u16)right;
	return spec->declared == 0xffff ? 0 : spec->declared;
}

static inline size_t put_ip4(const struct spec *spec, __u8 *ip, struct packet *p)
{
	size_t header = IP4_LEN + spec->middle.n, l4;

	put_addrs(spec, AF_INET, ip + 12, 4);
	if (spec->middle.n)
		memcpy(ip + IP4_LEN, spec->middle.at, spec->middle.n);
	l4 = put_l4(spec, ip + header, ip + 12, 4);
	ip[0] = (__u8)((spec->version ? spec->version : 4) << 4 |
		       (spec->ihl ? spec->ihl & 0xf : header / 4));
	if (spec->ihl == 0xff)
		ip[0] &= 0xf0;
	p->ip_bytes = declared_length(spec, header + l4);
	put16(ip + 2, p->ip_bytes);
	put16(ip + 4, spec->id);
	put16(ip + 6, spec->frag);
	ip[8] = spec->ttl ? (__u8)spec->ttl : 17;
	ip[9] = spec->proto ? (__u8)spec->proto : IPPROTO_TCP;
	put16(ip + 10, fold_sum(sum_words(0, ip, header)));
	return header + l4;
}

static inline size_t put_ip6(const struct spec *spec, __u8 *ip, struct packet *p)
{
	size_t header = IP6_LEN + spec->middle.n, l4;

	put_addrs(spec, AF_INET6, ip + 8, 16);
	if (spec->middle.n)
		memcpy(ip + IP6_LEN, spec->middle.at, spec->middle.n);
	l4 = put_l4(spec, ip + header, ip + 8, 16);
	ip[0] = (__u8)((spec->version ? spec->version : 6) << 4);
	put16(ip + 4, declared_length(spec, spec->middle.n + l4));
	ip[6] = spec->middle.n ? spec->next : spec->proto ? (__u8)spec->proto : IPPROTO_TCP;
	ip[7] = spec->ttl ? (__u8)spec->ttl : 17;
	p->ip_bytes = get16(ip + 4) ? (__u16)(get16(ip + 4) + IP6_LEN) : 0;
	return header + l4;
}

static inline void packet_build(const struct spec *spec, struct packet *p)
{
	bool v6 = spec_is_v6(spec);
	__u8 *ip = p->data + ETH_HLEN + spec->tags.n;
	size_t n;

	memset(p, 0, sizeof(*p));
	memcpy(p->data, spec->mac ? spec->mac : mac_host, ETH_ALEN);
	memcpy(p->data + ETH_ALEN, mac_client, ETH_ALEN);
	put16(p->data + 2 * ETH_ALEN, spec->ethertype ? spec->ethertype :
				      v6              ? ETH_P_IPV6 :
							ETH_P_IP);
	if (spec->tags.n)
		memcpy(p->data + ETH_HLEN, spec->tags.at, spec->tags.n);
	n = v6 ? put_ip6(spec, ip, p) : put_ip4(spec, ip, p);
	if (spec->cut)
		n = spec->cut;
	if (spec->pad.n)
		memcpy(ip + n, spec->pad.at, spec->pad.n);
	p->len = ETH_HLEN + spec->tags.n + n + spec->pad.n;
}

/* An ICMP message of `type` around the first `quoted` bytes of another packet (0: all). */
static inline void packet_build_icmp(const struct spec *outer, __u8 type, const struct spec *inner,
				     size_t quoted, struct packet *p)
{
	__u8 body[1024] = { type };
	struct packet quote;
	struct spec spec = *outer;

	packet_build(inner, &quote);
	if (!quoted)
		quoted = quote.len - ETH_HLEN;
	memcpy(body + ICMP_LEN, quote.data + ETH_HLEN, quoted);
	spec.body = (struct bytes){ body, ICMP_LEN + quoted };
	if (!spec.proto)
		spec.proto = spec_is_v6(outer) ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	packet_build(&spec, p);
}

#endif
