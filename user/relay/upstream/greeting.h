/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does an upstream proxy speak its protocol, and let us in? A greeting and its answer, as a state
 * machine: a SOCKS server up to the password, an HTTP proxy with OPTIONS (RFC 9110 9.3.7), which
 * any answer satisfies. Asks it to connect nowhere. Pure; must not know sockets.
 */
#ifndef TPROXY_RELAY_UPSTREAM_GREETING_H
#define TPROXY_RELAY_UPSTREAM_GREETING_H

#include "relay/upstream/socks5.h"

#define GREETING_OUT_MAX SOCKS5_OUT_MAX

struct greeting {
	const struct proxy *proxy;
	struct socks5 socks;
	size_t taken; /* bytes of an HTTP answer */
};

/* Returns the length of what to send, in out (GREETING_OUT_MAX bytes). proxy must outlive g. */
size_t greeting_begin(struct greeting *g, const struct proxy *proxy, uint8_t *out);

/* Takes one byte. 0: send the *ret_len bytes in out, if any, and continue; 1: it works; -errno. */
int greeting_take(struct greeting *g, uint8_t byte, uint8_t *out, size_t *ret_len);

#endif
