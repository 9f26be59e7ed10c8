/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends UDP datagrams from any address and port without binding it: the UDP header is written here.
 * For ports that a local daemon does not share. Needs CAP_NET_RAW. Must not receive.
 */
#ifndef TPROXY_RELAY_NET_RAWUDP_H
#define TPROXY_RELAY_NET_RAWUDP_H

#include <stddef.h>

#include "relay/net/ipfields.h"

struct rawudp;

/* device: that packets leave by, 0: any. NULL: no memory. */
struct rawudp *rawudp_new(int device);

/* raw may be NULL. */
void rawudp_close(struct rawudp *raw);

/* Source, destination and IP fields of a datagram. */
struct rawudp_way {
	const union saddr *from;
	const union saddr *to;
	const struct ip_fields *fields;
};

/* The kernel fragments it as any datagram, unless DF is set. 0 or -errno. */
int rawudp_send(struct rawudp *raw, const struct rawudp_way *way, const void *data, size_t len);

/* After -EMSGSIZE: the MTU of the path, or 0. */
uint32_t rawudp_mtu(struct rawudp *raw, const struct rawudp_way *way);

/* RFC 768 checksum over pseudo header, header and data; pure. Network byte order, never 0. */
uint16_t rawudp_checksum4(const union saddr *from, const union saddr *to, const void *header,
			  const void *data, size_t len);

#endif
