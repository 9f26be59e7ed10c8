/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of ports, in host byte order. One thread changes it, any may read it. */
#ifndef TPROXY_RELAY_NET_PORT_SET_H
#define TPROXY_RELAY_NET_PORT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_SET_WORDS (65536 / 64)

struct port_set {
	uint64_t bits[PORT_SET_WORDS];
};

static inline void port_set_add(struct port_set *set, uint16_t port)
{
	set->bits[port / 64] |= 1ULL << (port % 64);
}

static inline bool port_set_has(const struct port_set *set, uint16_t port)
{
	return __atomic_load_n(&set->bits[port / 64], __ATOMIC_RELAXED) & (1ULL << (port % 64));
}

/* While others read it: a port in both sets is there all the time. */
static inline void port_set_replace(struct port_set *set, const struct port_set *by)
{
	for (size_t i = 0; i < PORT_SET_WORDS; i++)
		__atomic_store_n(&set->bits[i], by->bits[i], __ATOMIC_RELAXED);
}

#endif
