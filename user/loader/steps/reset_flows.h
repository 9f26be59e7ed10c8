/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of flows whose interface is detached. The kernel finds their sockets by
 * early demux and then refuses to forward what it found one for (ip_forward drops a
 * packet with a socket): left alone, they would swallow every later packet of the
 * same addresses and ports, TIME_WAIT for a minute. So the peers are told by RST.
 */
#ifndef TPROXY_LOADER_STEPS_RESET_FLOWS_H
#define TPROXY_LOADER_STEPS_RESET_FLOWS_H

#include "loader/steps/steps.h"

/*
 * Ends the flows on foreign addresses whose peer is reached through this interface.
 * Only flows that are shown to be this state's (ownflow.h). What cannot be ended is reported;
 * never an error, for detaching must continue.
 */
void reset_flows(struct session *session, int ifindex, const char *ifname);

/* How many flows on foreign addresses this state has, on all interfaces; or a reported -errno. */
int reset_flows_count(struct session *session, size_t *ret_alive);

#endif
