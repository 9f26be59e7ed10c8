/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which flows a proxy of this state has, among the sockets with foreign local addresses. A host
 * may have other such sockets: those of another transparent proxy, or of a service on an address
 * that is routed to it. Nothing is assumed: the data path noted the flow, or the process that owns
 * its socket also owns a listener that is registered here.
 */
#ifndef TPROXY_KERNEL_FLOWS_PROXIED_H
#define TPROXY_KERNEL_FLOWS_PROXIED_H

#include "kernel/flows/sockdiag.h"
#include "kernel/state/state.h"

/*
 * Sets `proxied` of each flow. -errno: not everything could be read; what is set is right all the
 * same.
 */
int proxied_find(const struct state *state, struct foreign_flow *flows, size_t n);

#endif
