/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads ICMP errors: what they say, and of which UDP datagram. Anybody can send one, so nothing
 * in it is believed but checked. Pure.
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
 * packet: what a raw socket gives, of IPv4 with the IP header (raw(7)), of IPv6 without.
 * False: it is no error about a UDP datagram, or does not show its ports.
 */
bool icmp_quote_read(sa_family_t family, const uint8_t *packet, size_t len,
		     struct icmp_quote *ret_quote);

#endif
