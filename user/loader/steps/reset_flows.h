/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resets the flows of an interface that is detached. The kernel finds their sockets by early demux
 * and then does not forward such packets (ip_forward drops a packet with a socket). If the sockets
 * stayed, they would swallow every later packet with the same addresses and ports, those in
 * TIME_WAIT for a minute. So the peers get an RST.
 */
#ifndef TPROXY_LOADER_STEPS_RESET_FLOWS_H
#define TPROXY_LOADER_STEPS_RESET_FLOWS_H

#include "loader/steps/steps.h"

/*
 * Resets the flows with a foreign local address whose peer is reached by this interface, and only
 * those that a proxy of this state has (proxied.h). Reports what cannot be reset; it is no error,
 * because detaching must continue.
 */
void reset_flows(struct session *session, int ifindex, const char *ifname);

/* How many such flows this state has on all interfaces. 0, or a reported -errno. */
int reset_flows_count(struct session *session, size_t *ret_alive);

#endif
