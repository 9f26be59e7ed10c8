/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes along with a datagram that is sent: control messages of sendmsg(2). Each call
 * appends one. Must not know who sends.
 */
#ifndef TPROXY_RELAY_NET_ANCILLARY_H
#define TPROXY_RELAY_NET_ANCILLARY_H

#include <stddef.h>

#include "relay/net/ipfields.h"

#define ANCILLARY_SIZE 160 /* one of each */

struct ancillary {
	_Alignas(8) char buf[ANCILLARY_SIZE];
	size_t len;
};

/*
 * Names the source address, all zeros: what routing chooses, and the device that the packet
 * leaves by, or its VRF, 0: any. Not the port.
 */
void ancillary_add_source(struct ancillary *a, const union saddr *from, int device);

/* TTL, unless it is the system's, and TOS. */
void ancillary_add_fields(struct ancillary *a, sa_family_t family, const struct ip_fields *fields);

/* Cuts what is sent into datagrams of this size (UDP_SEGMENT). */
void ancillary_add_segment(struct ancillary *a, uint16_t size);

/* a outlives msg. */
void ancillary_attach(struct ancillary *a, struct msghdr *msg);

#endif
