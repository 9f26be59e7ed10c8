/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SOCKS version 5, the client's side of CONNECT (RFC 1928, RFC 1929), as a pure
 * state machine: bytes of the server go in, bytes for it come out.
 */
#ifndef TPROXY_RELAY_UPSTREAM_SOCKS5_H
#define TPROXY_RELAY_UPSTREAM_SOCKS5_H

#include <stddef.h>

#include "relay/config/proxy.h"

#define SOCKS_OUT_MAX 520 /* the longest message: both credentials of RFC 1929 */

enum socks_stage { SOCKS_METHOD, SOCKS_AUTH, SOCKS_REPLY };

struct socks {
	const struct proxy *proxy;
	union saddr dst;
	enum socks_stage stage;
	uint8_t in[262]; /* the longest reply has a name of 255 bytes */
	size_t in_len;
};

/* Returns the length of the greeting in out (SOCKS_OUT_MAX bytes). proxy lives as long as s. */
size_t socks_begin(struct socks *s, const struct proxy *proxy, const union saddr *dst,
		   uint8_t *out);

/*
 * Takes one byte. 0: go on, after sending the *ret_len bytes in out, if any; 1: the
 * next byte is the destination's; -errno: refused, or not SOCKS.
 */
int socks_take(struct socks *s, uint8_t byte, uint8_t *out, size_t *ret_len);

#endif
