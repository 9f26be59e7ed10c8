/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * detach --keep-flows: the interface takes no new flows, but the proxy still gets the packets of
 * established ones until the last flow has ended.
 */
#ifndef TPROXY_LOADER_STEPS_DRAIN_H
#define TPROXY_LOADER_STEPS_DRAIN_H

#include "loader/steps/iface.h"

/* Marks the interface as draining; drain_finish does the rest. Its program and routing stay. */
int drain_iface(struct session *session, const struct iface_entry *iface);

/*
 * Takes all rules off the draining interfaces, after the relay had a moment to keep its UDP flows
 * by other means, and detaches the interfaces once no flow needs them. With `everything` it then
 * removes the state, if nothing else is attached. Waits in a child process, or with `wait` in this
 * one, which shows the progress. It releases the session's lock meanwhile.
 */
int drain_finish(struct session *session, bool everything, bool wait);

#endif
