/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Valid packets of every kind that the data path distinguishes, as a start for mutations. The
 * addresses are those of namespace.h and of the sockets that test_mutate opens.
 */
#ifndef CORPUS_H
#define CORPUS_H

#include <netinet/ip_icmp.h>

#include "packet.h"

/* clang-format off */
#define SENT4(port) { .src = SERVER4, .dst = CLIENT4, .sport = (port), .dport = CLIENT_PORT }
#define SENT6(port) { .src = SERVER6, .dst = CLIENT6, .sport = (port), .dport = CLIENT_PORT }
#define OPTIONS(...) .middle = BYTES(__VA_ARGS__)
#define CHAIN(first, ...) .next = (first), .middle = BYTES(__VA_ARGS__)
/* clang-format on */
/* A UDP flow to port 53 that is older than the rules; one from IDLE_PORT that is idle since. */
#define OLD4 "10.210.2.9"
#define OLD6 "fd21:2::9"
#define IDLE_PORT 40001
/* An address that was this host's and is forwarded now. */
#define STALE4 "10.210.3.9"
#define STALE6 "fd21:3::9"

#define REST .body = BYTES(1, 2, 3, 4, 5, 6, 7, 8)

/* clang-format off */
static const struct spec plain[] = {
	/* flow starts */
	{ .dst = "10.210.1.5", .dport = 80 },
	{ .dst = "10.210.2.5", .dport = 443 },
	{ .dst = "10.210.3.5", .dport = 8080 },
	{ .dst = "10.210.1.5", UDP53 },
	{ .dst = "10.210.2.5", UDP53, .payload = 64 },
	{ .dst = "10.210.3.5", .proto = UDP, .dport = 443, .payload = 30 },
	{ .dst = "fd21:1::5", .dport = 80 },
	{ .dst = "fd21:2::5", .dport = 443 },
	{ .dst = "fd21:1::5", UDP53 },
	{ .dst = "fd21:2::5", UDP53, .payload = 64 },
	{ .dst = "172.31.0.1", .dport = 80 },
	{ .dst = "fd31::1", UDP53 },
	{ .dst = "10.77.1.1", .dport = 80 },
	{ .dst = "fd77:1::1", UDP53 },
	{ .dst = "10.77.2.1", .dport = 80 },
	{ .dst = "fd77:2::1", .dport = 80 },
	/* older flows */
	{ .dst = "10.210.1.5", .dport = 80, .flags = ACK },
	{ .dst = "10.210.1.5", .dport = 80, .flags = ACK | PSH, .payload = 40 },
	{ .dst = "10.210.1.5", .dport = 80, .flags = FIN | ACK },
	{ .dst = "10.210.1.5", .dport = 80, .flags = RST },
	{ .dst = "10.210.1.5", .dport = 80, .flags = SYN | ACK },
	{ .dst = "fd21:1::5", .dport = 80, .flags = ACK },
	{ .dst = "fd21:1::5", .dport = 80, .flags = RST | ACK },
	{ TO_SERVER4(15024), .flags = ACK },
	{ TO_SERVER4(15025), .flags = ACK },
	/* never forwarded */
	{ .dst = "224.0.0.251", .proto = UDP, .dport = 5353 },
	{ .dst = "255.255.255.255", .proto = UDP, .dport = 67 },
	{ .dst = "169.254.169.254", .dport = 80 },
	{ .dst = "239.255.255.255", .proto = UDP, .dport = 80 },
	{ .dst = "127.0.0.1", .dport = 80 },
	{ .dst = "fe80::1", .dport = 80 },
	{ .dst = "ff02::fb", .proto = UDP, .dport = 5353 },
	/* owned flows */
	{ TO_SERVER4(7000), .flags = ACK },
	{ TO_SERVER4(7000), .flags = ACK | PSH, .payload = 20 },
	{ .src = SERVER4, .dst = CLIENT4, .sport = 7000, .dport = CLIENT_PORT, .flags = ACK },
	{ TO_SERVER4(7000) },
	{ TO_SERVER4(7001), .flags = ACK },
	{ TO_SERVER4(7003), .flags = ACK },
	{ TO_SERVER6(7000), .flags = ACK },
	{ .src = CLIENT4, .dst = "10.77.1.1", .dport = 7004, .flags = ACK },
	{ TO_SERVER4(7100) },
	{ TO_SERVER4(7100), .flags = ACK },
	{ TO_SERVER4(7101) },
	{ TO_SERVER4(7102), .flags = FIN | ACK },
	{ TO_SERVER6(7100) },
	{ TO_SERVER6(7100), .flags = RST },
	{ .dst = "10.210.4.88", .dport = 80 },
	{ .dst = "fd21:4::88", .dport = 80 },
	{ .dst = "10.210.4.1", .dport = 8080 },
	{ .dst = "10.210.4.1", .dport = 8081 },
	{ .dst = "10.210.1.77", UDP53 },
	{ .dst = "fd21:1::77", UDP53 },
	{ .dst = "10.210.4.79", UDP53 },
	{ .dst = "10.210.4.78", UDP53 },
	{ .dst = "fd21:4::78", UDP53 },
	{ .dst = "10.77.1.1", .proto = UDP, .dport = 54 },
	{ .dst = "10.210.4.1", .proto = UDP, .dport = 5353 },
	{ .src = CLIENT4, .dst = "10.210.5.1", .dport = 80 },
	/* IPv4 options */
	{ .dst = "10.210.1.5", .dport = 80, OPTIONS(1, 1, 1, 1) },
	{ .dst = "10.210.1.5", .dport = 80, OPTIONS(1, 7, 3, 4) },
	{ .dst = "10.210.1.5", UDP53, OPTIONS(148, 4, 0, 0) },
	{ .dst = "10.210.1.5", .dport = 80, OPTIONS(7, 7, 4, 0, 0, 0, 0, 0) },
	{ .dst = "10.210.1.5", UDP53, OPTIONS(68, 8, 5, 0, 0, 0, 0, 0, 1, 1, 0, 0) },
	{ .dst = "10.210.1.5", .dport = 80, OPTIONS(131, 7, 4, 10, 0, 0, 1, 0) },
	{ .dst = "10.210.1.5", UDP53, OPTIONS(1, 137, 3, 4) },
	/* IPv6 extension headers */
	{ .dst = "fd21:1::5", .dport = 80, CHAIN(HOP, EXT(TCP)) },
	{ .dst = "fd21:1::5", UDP53, CHAIN(DST, EXT16(UDP)) },
	{ .dst = "fd21:1::5", .dport = 80, CHAIN(RT, RTHDR(TCP, 0)) },
	{ .dst = "fd21:1::5", UDP53, CHAIN(RT, RTHDR(UDP, 1)) },
	{ .dst = "fd21:1::5", .dport = 80, CHAIN(AUTH, AHDR(TCP)) },
	{ .dst = "fd21:1::5", .dport = 80,
	  CHAIN(HOP, EXT(DST), EXT16(RT), RTHDR(AUTH, 0), AHDR(DST), EXT(TCP)) },
	{ .dst = "fd21:1::5", UDP53,
	  CHAIN(HOP, EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(UDP)) },
	{ .dst = "fd21:1::5", UDP53,
	  CHAIN(HOP, EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST), EXT(DST),
		EXT(UDP)) },
	{ .dst = "fd21:1::5", .dport = 80, CHAIN(FRG, FRAGHDR(TCP, 0, 0, 7)) },
	/* fragments */
	{ .dst = "10.210.1.5", UDP53, .frag = MF, .id = 7, .payload = 8 },
	{ .dst = "10.210.1.5", .proto = UDP, .frag = 2, .id = 7, REST },
	{ .dst = "10.210.1.5", .proto = UDP, .frag = MF | 2, .id = 7, REST },
	{ .dst = "10.210.2.5", .dport = 80, .frag = MF, .id = 8 },
	{ .dst = "10.210.2.5", .frag = 3, .id = 8, REST },
	{ TO_SERVER4(7000), .frag = MF, .id = 12, .flags = ACK },
	{ .src = CLIENT4, .dst = SERVER4, .frag = 3, .id = 12, REST },
	{ .dst = "10.210.4.78", UDP53, .frag = MF, .id = 14, .payload = 8 },
	{ .dst = "fd21:1::5", UDP53, CHAIN(FRG, FRAGHDR(UDP, 0, 1, 7)), .payload = 8 },
	{ .dst = "fd21:1::5", CHAIN(FRG, FRAGHDR(UDP, 16, 0, 7)), REST },
	{ .dst = "fd21:1::5", CHAIN(HOP, EXT(FRG), FRAGHDR(UDP, 8, 1, 7)), REST },
	{ .dst = "fd21:2::5", .dport = 80, CHAIN(FRG, FRAGHDR(TCP, 0, 1, 8)) },
	{ .dst = "fd21:2::5", CHAIN(FRG, FRAGHDR(TCP, 24, 0, 8)), REST },
	{ TO_SERVER6(7000), .flags = ACK, CHAIN(FRG, FRAGHDR(TCP, 0, 1, 12)) },
	{ .dst = "10.210.2.5", .dport = 80, .frag = MF, .id = 9,
	  .body = BYTES(156, 64, 0, 80, 0, 0, 0, 1) },
	{ .dst = "10.210.2.5", .frag = 1, .id = 9, REST },
	{ .dst = "fd21:2::5", CHAIN(FRG, FRAGHDR(TCP, 8, 0, 9)), REST },
	{ .dst = "fd21:1::5", .dport = 80,
	  CHAIN(HOP, EXT(RT), RTHDR(FRG, 1), FRAGHDR(TCP, 0, 1, 9)) },
	/* tags */
	{ .dst = "10.210.1.5", .dport = 80, .ethertype = ETH_P_8021Q, .tags = BYTES(0, 0, 8, 0) },
	{ .dst = "10.210.1.5", UDP53, .ethertype = ETH_P_8021AD,
	  .tags = BYTES(0xe0, 0, 0x81, 0, 0, 0, 8, 0) },
	{ .dst = "fd21:1::5", .dport = 80, .ethertype = ETH_P_8021Q,
	  .tags = BYTES(0, 0, 0x88, 0xa8, 0x10, 0, 0x86, 0xdd) },
	{ .dst = "10.210.1.5", .dport = 80, .ethertype = ETH_P_8021Q,
	  .tags = BYTES(0, 0, 0x81, 0, 0, 7, 8, 0) },
	{ .dst = "10.210.1.5", .dport = 80, .ethertype = ETH_P_8021Q,
	  .tags = BYTES(0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0,
			0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 8, 0) },
	{ .dst = "10.210.1.5", .dport = 80, .ethertype = ETH_P_8021Q,
	  .tags = BYTES(0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0,
			0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 8, 0) },
	/* lengths */
	{ .dst = "10.210.1.5", .dport = 80, .pad = BYTES(1, 2, 3, 4, 5, 6) },
	{ .dst = "fd21:1::5", UDP53, .pad = BYTES(1, 2, 3, 4, 5, 6) },
	{ .dst = "10.210.2.5", .dport = 80, .frag = MF, .id = 9, .declared = 28 },
	{ .dst = "10.210.1.5", .dport = 80, .declared = 0xffff },
	{ .dst = "fd21:1::5", .dport = 80, CHAIN(HOP, EXT(TCP)), .declared = 0xffff },
	{ .dst = "fd21:1::5", UDP53, .declared = 0xffff },
	/* time to live */
	{ .dst = "10.210.1.5", .dport = 80, .ttl = 1 },
	{ .dst = "10.210.1.5", UDP53, .ttl = 0x100 },
	{ .dst = "fd21:1::5", UDP53, .ttl = 1 },
	{ .dst = "10.210.4.77", UDP53, .ttl = 1 },
	{ .dst = "10.210.1.77", UDP53, .frag = DF },
	/* older flows, and flows in a routing loop */
	{ .dst = OLD4, UDP53 },
	{ .dst = OLD4, UDP53, .sport = IDLE_PORT },
	{ .dst = OLD6, UDP53 },
	{ .dst = OLD6, UDP53, .sport = IDLE_PORT },
	{ .src = "10.210.4.77", .dst = "10.99.0.1", .proto = UDP, .sport = 53,
	  .dport = CLIENT_PORT },
	{ .src = "10.210.1.77", .dst = "10.99.0.1", .proto = UDP, .sport = 53,
	  .dport = CLIENT_PORT },
	{ .src = SERVER4, .dst = CLIENT4, .sport = 7100, .dport = CLIENT_PORT },
	/* addresses in the map of this host's, and others that are forwarded */
	{ .dst = STALE4, .dport = 80 },
	{ .dst = STALE6, UDP53 },
	{ .dst = "169.254.1.1", .dport = 80 },
	{ .dst = "240.1.2.3", UDP53 },
	/* others */
	{ .dst = "10.210.1.5", .dport = 80, .proto = IPPROTO_SCTP },
	{ .dst = "fd21:1::5", .dport = 80, .proto = IPPROTO_NONE },
	{ .dst = "10.210.1.5", .dport = 80, .ethertype = ETH_P_ARP },
};
/* clang-format on */

static const struct {
	struct spec outer;
	__u8 type;
	struct spec quoted;
	/* clang-format off */
} messages[] = {
	{ { .src = "10.210.0.1", .dst = SERVER4 }, 3, SENT4(7000) },
	{ { .src = "10.210.0.1", .dst = SERVER4 }, 11, SENT4(7001) },
	{ { .src = "10.210.0.1", .dst = SERVER4 }, 12, SENT4(7100) },
	{ { .src = "10.210.0.1", .dst = SERVER4 }, 8, SENT4(7000) },
	{ { .src = "10.210.0.1", .dst = SERVER4 }, 3, SENT4(7009) },
	{ { .src = "10.210.0.1", .dst = SERVER4, OPTIONS(1, 1, 1, 1) }, 3, SENT4(7000) },
	{ { .src = "10.210.0.1", .dst = SERVER4 }, 3,
	  { .src = SERVER4, .dst = CLIENT4, .sport = 7000, .dport = CLIENT_PORT,
	    OPTIONS(1, 1, 1, 1) } },
	{ { .src = "10.210.0.1", .dst = "10.210.4.77" }, 3,
	  { .src = "10.210.4.77", .dst = "10.99.0.1", .proto = UDP, .sport = 53,
	    .dport = CLIENT_PORT } },
	{ { .src = "10.210.0.1", .dst = "10.77.1.1" }, 3, SENT4(7000) },
	{ { .src = "10.99.0.1", .dst = "10.210.1.5" }, 3,
	  { .src = "10.210.1.5", .dst = "10.99.0.1", .proto = UDP, .sport = 53,
	    .dport = CLIENT_PORT } },
	{ { .src = "10.99.0.1", .dst = OLD4 }, 3,
	  { .src = OLD4, .dst = "10.99.0.1", .proto = UDP, .sport = 53, .dport = CLIENT_PORT } },
	{ { .src = "fd99::1", .dst = "fd21:1::5" }, 1,
	  { .src = "fd21:1::5", .dst = "fd99::1", .proto = UDP, .sport = 53,
	    .dport = CLIENT_PORT } },
	{ { .src = "fd21::1", .dst = SERVER6 }, 1, SENT6(7000) },
	{ { .src = "fd21::1", .dst = SERVER6 }, 2, SENT6(7100) },
	{ { .src = "fd21::1", .dst = SERVER6 }, 3, SENT6(7009) },
	{ { .src = "fd21::1", .dst = SERVER6 }, 128, SENT6(7000) },
	{ { .src = "fd21::1", .dst = SERVER6, .proto = IPPROTO_ICMPV6, CHAIN(DST, EXT(58)) }, 4,
	  SENT6(7000) },
	{ { .src = "fd21::1", .dst = "fd21:1::77" }, 1,
	  { .src = "fd21:1::77", .dst = "fd99::1", .proto = UDP, .sport = 53,
	    .dport = CLIENT_PORT } },
	{ { .src = "fd21::1", .dst = "fd21:1::77" }, 2,
	  { .src = "fd21:1::77", .dst = "fd99::1", .proto = UDP, .sport = 53, .dport = CLIENT_PORT,
	  CHAIN(FRG, FRAGHDR(UDP, 0, 1, 9)) } },
};
/* clang-format on */

#define N_PLAIN (sizeof(plain) / sizeof(plain[0]))
#define CORPUS_SIZE (N_PLAIN + sizeof(messages) / sizeof(messages[0]))

static inline void corpus_build(size_t i, struct packet *p)
{
	if (i < N_PLAIN) {
		packet_build(&plain[i], p);
		return;
	}
	i -= N_PLAIN;
	packet_build_icmp(&messages[i].outer, messages[i].type, &messages[i].quoted, 0, p);
}

#endif
