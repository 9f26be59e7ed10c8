/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses for a probe if no client was seen: a likely client, an unused server. Reads only. */
#ifndef TPROXY_LOADER_CHECK_TOOLS_NEIGHBOURHOOD_H
#define TPROXY_LOADER_CHECK_TOOLS_NEIGHBOURHOOD_H

#include "lib/netlink.h"
#include "lib/parse.h"

/* Another address of a network of the device. 0, or -ENOENT if it has none. */
int neighbourhood_client(struct nl *nl, int ifindex, __u8 family, struct endpoint *ret_client);
/* Of a network for documentation, RFC 5737 and RFC 3849: no host has it. */
void neighbourhood_stranger(__u8 family, struct endpoint *ret_stranger);

#endif
