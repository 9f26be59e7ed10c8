/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answered UDP flows that the kernel's connection tracking lists (ctnetlink). Flows of a
 * socket here look like forwarded ones.
 */
#ifndef TPROXY_KERNEL_FLOWS_CONNTRACK_H
#define TPROXY_KERNEL_FLOWS_CONNTRACK_H

#include "lib/netlink.h"
#include "tproxy.h"

/*
 * Calls fn for both directions of each flow, as their datagrams look when they enter this host:
 * NAT comes later. 0 or -errno; 0 also where connection tracking is not loaded, and it loads no
 * module.
 */
int conntrack_walk(void (*fn)(const struct tproxy_flow_key *key, void *arg), void *arg);

/* The number of keys of one entry, 0 to 2; 0 without an answer. ret_keys: room for 2. */
int conntrack_parse(const struct nlmsghdr *msg, struct tproxy_flow_key *ret_keys);

#endif
