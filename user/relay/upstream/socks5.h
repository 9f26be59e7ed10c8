/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SOCKS version 5, the client's side of CONNECT (RFC 1928, RFC 1929), as a pure
 * state machine: bytes of the server go in, bytes for it come out.
 */
#ifndef TPROXY_RELAY_UPSTREAM_SOCKS5_H
#define TPROXY_RELAY_UPSTREAM_SOCKS5_H

#include <stddef.h>

#include "relay/config/proxy.h"

#define SOCKS5_OUT_MAX 520 /* the longest message: both credentials of RFC 1929 */

enum socks5_stage { SOCKS5_METHOD, SOCKS5_AUTH, SOCKS5_REPLY };

struct socks5 {
	const struct proxy *proxy;
	union saddr dst;
	enum socks5_stage stage;
	uint8_t in[262]; /* the longest reply has a name of 255 bytes */
	size_t in_len;
};

/* Returns the length of the greeting in out (SOCKS5_OUT_MAX bytes). proxy lives as long as s. */
size_t socks5_begin(struct socks5 *s, const struct proxy *proxy, const union saddr *dst,
		    uint8_t *out);

/*
 * Takes one byte. 0: go on, after sending the *ret_len bytes in out, if any; 1: the
 * next byte is the destination's; -errno: refused, or not SOCKS.
 */
int socks5_take(struct socks5 *s, uint8_t byte, uint8_t *out, size_t *ret_len);

#endif
