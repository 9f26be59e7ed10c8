/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP CONNECT, the client's side (RFC 9110 9.3.6, RFC 9112), as a state machine: bytes of the
 * proxy go in. Pure. Must not know sockets.
 */
#ifndef TPROXY_RELAY_UPSTREAM_HTTPCONNECT_H
#define TPROXY_RELAY_UPSTREAM_HTTPCONNECT_H

#include <stddef.h>

#include "relay/config/proxy.h"

#define HTTPCONNECT_OUT_MAX 1024

struct httpconnect {
	char status[16]; /* "HTTP/1.1 200 …" as far as it matters */
	size_t taken;    /* bytes of the header so far */
	bool bare;       /* the current line is empty so far */
};

/* Returns the length of the request in out (HTTPCONNECT_OUT_MAX bytes). */
size_t httpconnect_begin(struct httpconnect *h, const struct proxy *proxy, const union saddr *dst,
			 uint8_t *out);

/* Takes one byte. 0: continue; 1: the next is the destination's; -errno: refused, or no HTTP. */
int httpconnect_take(struct httpconnect *h, uint8_t byte);

#endif
