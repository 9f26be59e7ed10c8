/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/socks5_udp.h"

#include <errno.h>
#include <string.h>

#define VERSION 5
#define CMD_UDP_ASSOCIATE 3
#define ATYP_IPV4 1
#define ATYP_NAME 3
#define ATYP_IPV6 4

/* ATYP, address, port. */
static size_t put_address(const union saddr *a, uint8_t *buf)
{
	bool v4 = a->sa.sa_family == AF_INET;
	size_t len = v4 ? 4 : 16;

	buf[0] = v4 ? ATYP_IPV4 : ATYP_IPV6;
	if (v4)
		memcpy(buf + 1, &a->v4.sin_addr, len);
	else
		memcpy(buf + 1, &a->v6.sin6_addr, len);
	memcpy(buf + 1 + len, v4 ? &a->v4.sin_port : &a->v6.sin6_port, 2);
	return 1 + len + 2;
}

/* Length, or -EPROTO. A name has no address; nobody promised to resolve it. */
static int get_address(const uint8_t *data, size_t len, union saddr *ret_addr)
{
	union saddr a;

	memset(&a, 0, sizeof(a));
	if (len >= 7 && data[0] == ATYP_IPV4) {
		a.sa.sa_family = AF_INET;
		memcpy(&a.v4.sin_addr, data + 1, 4);
		memcpy(&a.v4.sin_port, data + 5, 2);
		*ret_addr = a;
		return 7;
	}
	if (len >= 19 && data[0] == ATYP_IPV6) {
		a.sa.sa_family = AF_INET6;
		memcpy(&a.v6.sin6_addr, data + 1, 16);
		memcpy(&a.v6.sin6_port, data + 17, 2);
		*ret_addr = a;
		return 19;
	}
	return -EPROTO;
}

size_t socks5_associate(sa_family_t family, uint8_t *buf)
{
	union saddr any;

	memset(&any, 0, sizeof(any));
	any.sa.sa_family = family;
	memcpy(buf, (const uint8_t[]){ VERSION, CMD_UDP_ASSOCIATE, 0 }, 3);
	return 3 + put_address(&any, buf + 3);
}

int socks5_reply_len(const uint8_t *buf, size_t have)
{
	if (have && buf[0] != VERSION)
		return -EPROTO;
	if (have < 5)
		return 0;
	switch (buf[3]) {
	case ATYP_IPV4:
		return 10;
	case ATYP_IPV6:
		return 22;
	case ATYP_NAME:
		return 7 + buf[4];
	default:
		return -EPROTO;
	}
}

int socks5_reply_parse(const uint8_t *buf, union saddr *ret_relay)
{
	static const int errors[] = { 0,           ECONNABORTED, EACCES,
				      ENETUNREACH, EHOSTUNREACH, ECONNREFUSED,
				      ETIMEDOUT,   EOPNOTSUPP,   EAFNOSUPPORT };
	int len;

	if (buf[1])
		return buf[1] < sizeof(errors) / sizeof(errors[0]) ? -errors[buf[1]] :
								     -ECONNABORTED;
	len = get_address(buf + 3, SOCKS5_REPLY_MAX - 3, ret_relay);
	return len < 0 ? len : 0;
}

size_t socks5_udp_header(const union saddr *dst, uint8_t *buf)
{
	memset(buf, 0, 3); /* RSV, and FRAG: not a fragment */
	return 3 + put_address(dst, buf + 3);
}

int socks5_udp_parse(const uint8_t *data, size_t len, union saddr *ret_from)
{
	int address;

	if (len < 4 || data[2]) /* RFC 1928 7: who does not reassemble must drop fragments */
		return -EPROTO;
	address = get_address(data + 3, len - 3, ret_from);
	return address < 0 ? address : 3 + address;
}
