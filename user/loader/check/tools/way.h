/* SPDX-License-Identifier: BSD-2-Clause */
/* By which interface this host sends packets to an address. Reads only. */
#ifndef TPROXY_LOADER_CHECK_TOOLS_WAY_H
#define TPROXY_LOADER_CHECK_TOOLS_WAY_H

#include "loader/check/tools/checkup.h"

/*
 * ifindex by which a packet that came in by the interface leaves if it is forwarded: in a VRF by
 * the routes of the VRF. 0: there is no route, or the address is of this host.
 */
int way_to(struct checkup *c, const struct checked_iface *iface, __u8 family, const __u8 *addr);

/* Could the clients behind the interface reach the world by IPv6 through this host? */
bool way_leads_to_ipv6(struct checkup *c, const struct checked_iface *iface);

#endif
