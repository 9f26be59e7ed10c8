/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * detach --keep-flows: the interface takes no new flows, but keeps the packets of
 * those that live, until the last one has ended.
 */
#ifndef TPROXY_LOADER_STEPS_DRAIN_H
#define TPROXY_LOADER_STEPS_DRAIN_H

#include "loader/steps/iface.h"

/* Says that the interface is to drain; drain_finish does it. Its program and routing stay. */
int drain_iface(struct session *session, const struct iface_entry *iface);

/*
 * From here on no rule is in force on the draining interfaces. The relay gets a moment to
 * keep UDP flows by other means. Detaches them once no flow needs them; with `everything` the
 * state goes too if nothing else is attached then. Waits in a child process, or
 * with `wait` here, showing progress. The session's lock is given up meanwhile.
 */
int drain_finish(struct session *session, bool everything, bool wait);

#endif
