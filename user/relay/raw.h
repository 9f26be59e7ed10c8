/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw sockets that only send, from whatever address each packet names. Need
 * CAP_NET_RAW. Must not know what is sent.
 */
#ifndef TPROXY_RELAY_RAW_H
#define TPROXY_RELAY_RAW_H

#include "relay/addr.h"

/* Non-blocking, deaf, transparent. The descriptor or -errno. */
int raw_open(sa_family_t family, int proto);

#define RAW_CONTROL_SIZE CMSG_SPACE(sizeof(struct in6_pktinfo))

/*
 * Names the source address, all zeros: what routing chooses, and the device that the packet
 * leaves by, or its VRF, 0: any. control has RAW_CONTROL_SIZE bytes, aligned to 8, and
 * outlives msg.
 */
void raw_name_source(struct msghdr *msg, void *control, const union saddr *from, int device);

#endif
