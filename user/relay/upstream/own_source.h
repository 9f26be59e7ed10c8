/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells whether a flow depends on an address of this host. Pure; must not know what happens when
 * the address goes.
 */
#ifndef TPROXY_RELAY_UPSTREAM_OWN_SOURCE_H
#define TPROXY_RELAY_UPSTREAM_OWN_SOURCE_H

#include "relay/config/source.h"
#include "relay/net/localaddr.h"

/*
 * source: of a socket that was just opened as `wanted` says. False if it is the client's, or of a
 * prefix that is routed here: that is not on this host, and never was.
 */
bool source_is_own(const struct source *wanted, const struct local_set *local,
		   const union saddr *source);

#endif
