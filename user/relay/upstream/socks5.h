/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SOCKS version 5, the client's side (RFC 1928, RFC 1929), for TCP and UDP: greeting,
 * authentication, request and reply as a state machine, and the header of datagrams. Pure: bytes of
 * the server go in, bytes for it come out. Must not know sockets.
 */
#ifndef TPROXY_RELAY_UPSTREAM_SOCKS5_H
#define TPROXY_RELAY_UPSTREAM_SOCKS5_H

#include <stddef.h>

#include "relay/config/proxy.h"

#define SOCKS5_OUT_MAX 520   /* the longest message: both credentials of RFC 1929 */
#define SOCKS5_HEADER_MAX 22 /* of a datagram: RSV, FRAG, ATYP, IPv6 address, port */

enum socks5_command { SOCKS5_CONNECT = 1, SOCKS5_UDP_ASSOCIATE = 3 };

enum socks5_stage { SOCKS5_METHOD, SOCKS5_AUTH, SOCKS5_REPLY };

struct socks5 {
	const struct proxy *proxy;
	enum socks5_command command;
	union saddr dst;
	union saddr bound; /* from the reply: the server's end; family 0: it was a name */
	enum socks5_stage stage;
	uint8_t in[262]; /* the longest reply has a name of 255 bytes */
	size_t in_len;
};

/*
 * Begin a handshake: for a connection to dst, or for an association of datagrams from any port of
 * ours. Return the length of the greeting in out (SOCKS5_OUT_MAX bytes). proxy must outlive s.
 */
size_t socks5_connect(struct socks5 *s, const struct proxy *proxy, const union saddr *dst,
		      uint8_t *out);
size_t socks5_associate(struct socks5 *s, const struct proxy *proxy, uint8_t *out);

/*
 * Takes one byte. 0: send the *ret_len bytes in out, if any, and continue; 1: the server agreed,
 * and the next byte is the destination's; -errno: it refused, or does not speak SOCKS.
 */
int socks5_take(struct socks5 *s, uint8_t byte, uint8_t *out, size_t *ret_len);

/* Writes the header of a datagram for dst (SOCKS5_HEADER_MAX bytes). Returns its length. */
size_t socks5_header(const union saddr *dst, uint8_t *buf);

/* Reads the header of a datagram from the server. Its length, or -EPROTO: drop the datagram. */
int socks5_header_read(const uint8_t *data, size_t len, union saddr *ret_from);

#endif
