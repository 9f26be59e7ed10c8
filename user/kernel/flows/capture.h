/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watches for some time the UDP datagrams that come in and leave, on devices with and without a
 * link-layer header.
 */
#ifndef TPROXY_KERNEL_FLOWS_CAPTURE_H
#define TPROXY_KERNEL_FLOWS_CAPTURE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "tproxy.h"

struct capture_datagram {
	struct tproxy_flow_key key;
	int ifindex;
	bool leaves; /* on its way out; else it came in, addressed to a device of this host */
};

/* A descriptor that collects datagrams from now on, or -errno. */
int capture_open(void);

/*
 * Calls fn for each datagram during so many seconds, and never returns earlier. 0 or -errno;
 * *ret_lost: how many came faster than they were read.
 */
int capture_run(int fd, unsigned int seconds,
		void (*fn)(const struct capture_datagram *datagram, void *arg), void *arg,
		unsigned int *ret_lost);

/*
 * The flow of a packet. data: from the network header on, as far as it was captured; protocol:
 * ETH_P_*, host byte order. False for a packet that is not UDP or has no visible ports.
 */
bool capture_parse(__u16 protocol, const __u8 *data, size_t len, struct tproxy_flow_key *ret_key);

#endif
