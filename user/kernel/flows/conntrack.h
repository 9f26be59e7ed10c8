/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answered UDP flows that the kernel's connection tracking knows of, as it lists them
 * (ctnetlink). Those that a socket here has look like those that are forwarded.
 */
#ifndef TPROXY_KERNEL_FLOWS_CONNTRACK_H
#define TPROXY_KERNEL_FLOWS_CONNTRACK_H

#include "lib/netlink.h"
#include "tproxy.h"

/*
 * Both directions as their datagrams look when they enter this host: NAT, if any, comes
 * later. Where connection tracking is not loaded there are none: 0. Loads no module for it.
 */
int conntrack_walk(void (*fn)(const struct tproxy_flow_key *key, void *arg), void *arg);

/* Keys of one entry's directions, 0 to 2; 0 without an answer. ret_keys: room for 2. */
int conntrack_parse(const struct nlmsghdr *msg, struct tproxy_flow_key *ret_keys);

#endif
