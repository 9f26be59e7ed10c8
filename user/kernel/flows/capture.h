/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks at the UDP datagrams that come in and leave, for a time. Works on devices with
 * and without a link-layer header.
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
	bool leaves; /* on its way out; else it has come in, addressed to this host's device */
};

/* A descriptor that collects from now on, or -errno. */
int capture_open(void);

/*
 * Calls fn for each datagram of so many seconds, never for less. 0 or -errno; *ret_lost:
 * how many came faster than they were read.
 */
int capture_run(int fd, unsigned int seconds,
		void (*fn)(const struct capture_datagram *datagram, void *arg), void *arg,
		unsigned int *ret_lost);

/*
 * The flow of a packet, from its network header on. protocol: ETH_P_*, host byte order;
 * len: what there is of it. False for all that is no UDP with visible ports.
 */
bool capture_parse(__u16 protocol, const __u8 *data, size_t len, struct tproxy_flow_key *ret_key);

#endif
