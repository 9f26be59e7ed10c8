/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ports that the kernel gives to sockets of this host that choose none:
 * net.ipv4.ip_local_port_range, of both families, without net.ipv4.ip_local_reserved_ports. Reads
 * these two files only. Not thread safe.
 */
#ifndef TPROXY_RELAY_NET_LOCALPORTS_H
#define TPROXY_RELAY_NET_LOCALPORTS_H

#include "relay/net/port_set.h"

/* All zero: not read yet. */
struct local_ports {
	uint64_t due; /* ms: when to read again */
	uint16_t first, last;
	struct port_set reserved;
};

/* Number n of them, counted round and round, in host byte order. now: ms of CLOCK_MONOTONIC. */
uint16_t local_ports_pick(struct local_ports *ports, uint64_t now, uint32_t n);

#endif
