/* SPDX-License-Identifier: BSD-2-Clause */
/* The first packet of a flow as an Ethernet frame: a SYN, or a datagram without payload. Pure. */
#ifndef TPROXY_KERNEL_PROBE_FRAME_H
#define TPROXY_KERNEL_PROBE_FRAME_H

#include "lib/parse.h"

struct frame {
	__u8 data[128];
	size_t len;
};

/* src and dst of one family; to: the Ethernet address it is for. Checksums are right. */
void frame_make(struct frame *ret_frame, __u8 proto, const struct endpoint *src,
		const struct endpoint *dst, const __u8 *to);

/* It is not to be forwarded: TTL or hop limit 1. */
void frame_end_here(struct frame *frame);

/* The Ethernet address of a device, and whether its packets have such a header. 0 or -errno. */
int frame_device(int ifindex, __u8 *ret_address, bool *ret_ethernet);

#endif
