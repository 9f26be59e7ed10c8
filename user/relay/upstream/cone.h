/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The onward socket of a full cone: one for all destinations of a client, so it is not connected.
 * Must not know sessions.
 */
#ifndef TPROXY_RELAY_UPSTREAM_CONE_H
#define TPROXY_RELAY_UPSTREAM_CONE_H

#include "relay/upstream/upstream.h"

/* want->dst: the client, who decides about the address of a list. As upstream_open. */
int cone_open(const struct upstream_want *want, struct upstream *ret_up);

#endif
