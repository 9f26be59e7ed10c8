/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds the control messages of sendmsg(2): each call appends one property of a datagram.
 * Must not send.
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
 * The source address (all zeros: routing chooses it), and the device that the packet leaves by, or
 * its VRF (0: any). The port of `from` does not matter.
 */
void ancillary_add_source(struct ancillary *a, const union saddr *from, int device);

/* TOS, and TTL unless the system's default is meant. */
void ancillary_add_fields(struct ancillary *a, sa_family_t family, const struct ip_fields *fields);

/* Splits what is sent into datagrams of this size (UDP_SEGMENT). */
void ancillary_add_segment(struct ancillary *a, uint16_t size);

/* a must outlive msg. */
void ancillary_attach(struct ancillary *a, struct msghdr *msg);

#endif
