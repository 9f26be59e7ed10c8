/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the programs of the probe (bpf/probe.bpf.c) and the loader. Nothing here is
 * pinned.
 */
#ifndef TPROXY_PROBE_H
#define TPROXY_PROBE_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define PROBE_DROPS 8 /* drops that are recorded in full */

enum probe_family { PROBE_IPV4, PROBE_IPV6 };

/* The bytes by which a packet is recognised, as in the packet: network byte order. */
struct probe_tuple {
	__u32 addrs[8]; /* source, then destination; IPv4: the first 8 bytes */
	__u16 ports[2]; /* source, destination */
};

/* Set by the loader before it sends the packet. */
struct probe_request {
	__u32 ifindex; /* the packet arrives on this interface */
	__u32 family;  /* enum probe_family */
	struct probe_tuple tuple;
};

/* What the programs saw of the packet. */
struct probe_outcome {
	__s64 put;     /* result of bpf_clone_redirect: 0 or -errno */
	__u32 arrived; /* number of packets that reached the listener */
	__u32 mark;    /* mark of the latest of these */
	__u32 drops;   /* number of packets of the flow that the kernel freed */
	__u32 dport;  /* destination port of the latest that arrived, network byte order, 16 bits */
	__u32 dst[4]; /* its destination address, network byte order; IPv4: the first */
	struct {
		__u64 location; /* kernel address of the code that freed the packet */
		__u32 reason;   /* enum skb_drop_reason, numbers differ between kernels */
		__u32 zero;     /* padding */
	} drop[PROBE_DROPS];    /* the first of `drops` */
};

#endif
