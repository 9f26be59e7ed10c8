/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which sockets on foreign addresses carry flows of one state. A host may have others: another
 * transparent proxy's, a service on an address that is routed to it. Nothing is assumed: a flow is
 * ours if the data path noted it, or if its process holds a listener that is registered here.
 */
#ifndef TPROXY_KERNEL_FLOWS_PROXIED_H
#define TPROXY_KERNEL_FLOWS_PROXIED_H

#include "kernel/flows/sockdiag.h"
#include "kernel/state/state.h"

/* Sets `ours` of each. -errno: not everything could be asked; what is set is sure all the same. */
int proxied_find(const struct state *state, struct foreign_flow *flows, size_t n);

#endif
