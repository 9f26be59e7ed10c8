/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the helper process does: notes the relay as a proxy and puts the listeners into the pinned
 * socket map as soon as the pins exist and again whenever they are replaced, fills slots that
 * become empty, reports the pinned configuration whenever it changes, and answers requests. Must
 * not log: it reports to the relay.
 */
#ifndef TPROXY_RELAY_PROCESS_REGISTRATION_H
#define TPROXY_RELAY_PROCESS_REGISTRATION_H

#include "relay/process/helper.h"
#include "relay/process/listener.h"
#include "relay/process/own_note.h"

/*
 * Waits for the first request on sock (SOCK_SEQPACKET), then works, takes requests and sends
 * reports there until the relay closes its end. A set that is bound to a device is not registered:
 * then only the configuration is reported. own_note is copied.
 */
void registration_run(int sock, const struct options *o, struct listener_set *set,
		      const struct own_note *own_note);

#endif
