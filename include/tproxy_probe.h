/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the probe's programs and the loader tell each other. */
#ifndef TPROXY_PROBE_H
#define TPROXY_PROBE_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define PROBE_DROPS 8

enum probe_family { PROBE_IPV4, PROBE_IPV6 };

/* As in the packet: source and destination one after the other (IPv4: 8 bytes), then the ports. */
struct probe_tuple {
	__u32 addrs[8];
	__u16 ports[2];
};

struct probe_order {
	__u32 ifindex; /* the packet comes in here */
	__u32 family;  /* enum probe_family */
	struct probe_tuple tuple;
};

struct probe_sight {
	__s64 put;     /* what bpf_clone_redirect said */
	__u32 arrived; /* packets that reached the listener */
	__u32 mark;    /* that of the latest */
	__u32 drops;   /* packets of the flow that the kernel freed; the first are noted */
	__u32 dport;   /* where that one goes: network byte order, 16 bits */
	__u32 dst[4];  /* IPv4: the first */
	struct {
		__u64 location; /* where in the kernel */
		__u32 reason; /* enum skb_drop_reason, whose numbers change from kernel to kernel */
		__u32 zero;
	} drop[PROBE_DROPS];
};

#endif
