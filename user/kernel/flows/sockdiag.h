/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connected sockets, as the kernel lists them (NETLINK_SOCK_DIAG); above all those with a foreign
 * local address, which is no address of this host. They work only as long as their packets are
 * delivered here.
 */
#ifndef TPROXY_KERNEL_FLOWS_SOCKDIAG_H
#define TPROXY_KERNEL_FLOWS_SOCKDIAG_H

#include <linux/inet_diag.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/netlink.h"

struct foreign_flow {
	__u8 family, protocol, state; /* AF_*, IPPROTO_*, TCP_* */
	struct inet_diag_sockid id;   /* idiag_src: local, idiag_dst: the peer */
	__u32 inode;                  /* 0: no process has it any more */
	bool proxied;                 /* see proxied.h; not set here */
};

/* The caller frees *ret_flows. -EOPNOTSUPP when the kernel lacks inet_diag. */
int sockdiag_list_foreign(struct nl *route, struct foreign_flow **ret_flows, size_t *ret_n);

/* The same for every connected UDP socket, whatever its local address. */
int sockdiag_list_udp(struct foreign_flow **ret_flows, size_t *ret_n);

/*
 * How many TCP handshakes of the last half minute with foreign local addresses are half open
 * although the SYN-ACK was sent again.
 */
int sockdiag_half_open(struct nl *route, size_t *ret_n);

/* Does the flow still have a peer? Not in TIME_WAIT. */
bool sockdiag_is_alive(const struct foreign_flow *flow);

/*
 * Ends a socket at once: the peer of a TCP connection gets RST, its owner ECONNABORTED. diag: of
 * sockdiag_open. 0 also when it is gone already; -EOPNOTSUPP without CONFIG_INET_DIAG_DESTROY, and
 * for TIME_WAIT before Linux 6.4 or so.
 */
int sockdiag_destroy(struct nl *diag, const struct foreign_flow *flow);
int sockdiag_open(struct nl *ret_diag);

#endif
