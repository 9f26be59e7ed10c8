/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses for a probe where no client was seen: a likely neighbour, and nobody. Looks only. */
#ifndef TPROXY_LOADER_CHECK_NEIGHBOURHOOD_H
#define TPROXY_LOADER_CHECK_NEIGHBOURHOOD_H

#include "lib/netlink.h"
#include "lib/parse.h"

/* An address of the network that the device has an address in. 0, or -ENOENT without such. */
int neighbourhood_client(struct nl *nl, int ifindex, __u8 family, struct endpoint *ret_client);
/* Of a network for documentation, RFC 5737 and RFC 3849: no host's. */
void neighbourhood_stranger(__u8 family, struct endpoint *ret_stranger);

#endif
