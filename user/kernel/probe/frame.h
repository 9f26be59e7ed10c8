/* SPDX-License-Identifier: BSD-2-Clause */
/* The first packet of a flow as an Ethernet frame: a SYN, or a datagram without payload. Pure. */
#ifndef TPROXY_KERNEL_PROBE_FRAME_H
#define TPROXY_KERNEL_PROBE_FRAME_H

#include "lib/parse.h"

struct frame {
	__u8 data[128];
	size_t len;
};

/* src and dst are of one family; to: the destination Ethernet address. Checksums are right. */
void frame_make(struct frame *ret_frame, __u8 proto, const struct endpoint *src,
		const struct endpoint *dst, const __u8 *to);

/* Sets TTL or hop limit to 1, so that the packet is not forwarded. */
void frame_end_here(struct frame *frame);

/* The link-layer address of a device, and whether it is an Ethernet device. 0 or -errno. */
int frame_device(int ifindex, __u8 *ret_address, bool *ret_ethernet);

#endif
