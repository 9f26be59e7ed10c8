/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parses ICMP errors: what they report, and about which UDP datagram. Anybody can send one, so
 * every length and type is checked. Pure.
 */
#ifndef TPROXY_RELAY_NET_ICMPQUOTE_H
#define TPROXY_RELAY_NET_ICMPQUOTE_H

#include <stddef.h>

#include "relay/net/addr.h"

struct icmp_quote {
	uint8_t type; /* as in the ICMP or ICMPv6 header */
	uint8_t code;
	uint32_t mtu;    /* of the path, if the datagram was too big for it, else 0 */
	union saddr src; /* of the datagram */
	union saddr dst;
};

/*
 * packet: as a raw socket delivers it, with the IP header for IPv4 (raw(7)), without for IPv6.
 * False: it is no error about a UDP datagram, or does not quote its ports.
 */
bool icmp_quote_read(sa_family_t family, const uint8_t *packet, size_t len,
		     struct icmp_quote *ret_quote);

#endif
