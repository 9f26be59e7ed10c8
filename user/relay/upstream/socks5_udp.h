/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages of SOCKS 5 that UDP ASSOCIATE takes (RFC 1928). Pure: bytes in, bytes out.
 */
#ifndef TPROXY_RELAY_UPSTREAM_SOCKS5_UDP_H
#define TPROXY_RELAY_UPSTREAM_SOCKS5_UDP_H

#include <stddef.h>

#include "relay/net/addr.h"

#define SOCKS5_GREETING "\5\1\0" /* version 5, one method, no authentication */
#define SOCKS5_GREETING_LEN 3
#define SOCKS5_HEADER_MAX 22 /* of a datagram: RSV, FRAG, ATYP, IPv6 address, port */
#define SOCKS5_REPLY_MAX 262

/* The request to associate: from where datagrams will come is not known yet. Returns its length. */
size_t socks5_associate(sa_family_t family, uint8_t *buf);

/* Bytes of the reply, 0: more are needed to tell, -EPROTO. */
int socks5_reply_len(const uint8_t *buf, size_t have);

/*
 * A whole reply. 0 and the address to send datagrams to, whose host may be unspecified (then
 * it is the server's), or -errno of what the server says.
 */
int socks5_reply_parse(const uint8_t *buf, union saddr *ret_relay);

/* The header before a datagram for dst; buf takes SOCKS5_HEADER_MAX bytes. Returns its length. */
size_t socks5_udp_header(const union saddr *dst, uint8_t *buf);

/* Where a datagram from the server came from. Length of its header, or -EPROTO: not to be used. */
int socks5_udp_parse(const uint8_t *data, size_t len, union saddr *ret_from);

#endif
