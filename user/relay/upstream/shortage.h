/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of ours that have no free port towards a destination, for a moment: to find that out
 * costs the kernel a look at each port, a millisecond or more. Each thread has its own notes. Must
 * not open sockets.
 */
#ifndef TPROXY_RELAY_UPSTREAM_SHORTAGE_H
#define TPROXY_RELAY_UPSTREAM_SHORTAGE_H

#include "relay/net/addr.h"

/* from: family 0 for the kernel's choice. now: ms of CLOCK_MONOTONIC. */
void shortage_note(const union saddr *from, const union saddr *dst, uint64_t now);

/* May be wrong for a destination with the same hash, which then gets a port by another way. */
bool shortage_has(const union saddr *from, const union saddr *dst, uint64_t now);

/* Logs that a flow found no port; once a minute at most. */
void shortage_warn(const union saddr *dst, uint64_t now);

#endif
