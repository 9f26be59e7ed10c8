/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of ports, in host byte order. */
#ifndef TPROXY_RELAY_NET_PORT_SET_H
#define TPROXY_RELAY_NET_PORT_SET_H

#include <stdbool.h>
#include <stdint.h>

struct port_set {
	uint64_t bits[65536 / 64];
};

static inline void port_set_add(struct port_set *set, uint16_t port)
{
	set->bits[port / 64] |= 1ULL << (port % 64);
}

static inline bool port_set_has(const struct port_set *set, uint16_t port)
{
	return set->bits[port / 64] & (1ULL << (port % 64));
}

#endif
