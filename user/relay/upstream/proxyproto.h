/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header of the PROXY protocol (HAProxy's doc/proxy-protocol.txt), which names the client of a
 * connection and its original destination. Pure: writes headers, and must not read any.
 */
#ifndef TPROXY_RELAY_UPSTREAM_PROXYPROTO_H
#define TPROXY_RELAY_UPSTREAM_PROXYPROTO_H

#include <stddef.h>

#include "relay/net/addr.h"

#define PROXYPROTO_MAX 107 /* of version 1; version 2 takes 52 */

/* version: 1 or 2. Returns the length of what is in buf (PROXYPROTO_MAX bytes). */
size_t proxyproto_format(unsigned int version, const union saddr *client, const union saddr *dst,
			 uint8_t *buf);

#endif
