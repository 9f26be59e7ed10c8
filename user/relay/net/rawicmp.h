/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends ICMP errors about datagrams that came here, from the address of their reporter, so that an
 * end gets the errors that it would get without a relay. Needs CAP_NET_RAW. Bounds its rate; must
 * not receive.
 */
#ifndef TPROXY_RELAY_NET_RAWICMP_H
#define TPROXY_RELAY_NET_RAWICMP_H

#include "relay/net/addr.h"

struct rawicmp;

/* type, code, info: as in the ICMP or ICMPv6 header of the family; info is host byte order. */
struct icmp_error {
	uint8_t type;
	uint8_t code;
	uint32_t info;        /* the path's MTU, or 0 */
	union saddr reporter; /* its source address; family 0: ours */
	union saddr src;      /* of the datagram that it is about; gets the error */
	union saddr dst;
	uint8_t ttl; /* or hop limit; 0: the default */
	int device;  /* that it leaves by, or its VRF; 0: any */
};

/* NULL: no memory. */
struct rawicmp *rawicmp_new(void);

/* raw may be NULL. */
void rawicmp_close(struct rawicmp *raw);

/* now: ms. 0, -EAGAIN: the rate is exceeded, or -errno. */
int rawicmp_send(struct rawicmp *raw, const struct icmp_error *error, uint64_t now);

#define RAWICMP_MAX 64 /* bytes of the message without its outer IP header */

/* The message in network byte order; the kernel adds the checksum of ICMPv6. Pure. */
size_t rawicmp_format(const struct icmp_error *error, uint8_t *buf);

#endif
