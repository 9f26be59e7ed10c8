/* SPDX-License-Identifier: BSD-2-Clause */
/* The upstream proxy, as the user names it. Pure; must not talk to it. */
#ifndef TPROXY_RELAY_CONFIG_PROXY_H
#define TPROXY_RELAY_CONFIG_PROXY_H

#include "relay/net/addr.h"

enum proxy_kind { PROXY_NONE, PROXY_SOCKS5, PROXY_HTTP };

#define PROXY_CREDENTIAL_MAX 255 /* RFC 1929 has one byte for the length */

struct proxy {
	enum proxy_kind kind;
	union saddr addr;
	char user[PROXY_CREDENTIAL_MAX + 1]; /* empty: no authentication */
	char pass[PROXY_CREDENTIAL_MAX + 1];
};

/*
 * "direct", "socks5://[USER:PASS@]ADDR:PORT", "http://[USER:PASS@]ADDR:PORT"; ADDR is
 * numeric, IPv6 in brackets; USER and PASS may hold %XX. 0 or -errno.
 */
int proxy_parse(const char *text, struct proxy *ret_proxy, const char **ret_why);

#endif
