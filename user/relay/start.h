/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start of the relay, in the order that privileges demand: what needs root, then the change of
 * user, then threads. Logs why a start fails. Must not serve anything: daemon.h does.
 */
#ifndef TPROXY_RELAY_START_H
#define TPROXY_RELAY_START_H

#include "relay/daemon.h"

/*
 * d: options and settings are loaded. Afterwards the threads run and the service manager knows. 0, or
 * -errno after logging why; then the end of the process cleans up.
 */
int start_relay(struct daemon *d);

#endif
