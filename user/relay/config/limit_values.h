/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers that the configuration limits flows to. relay/admit/clients.h applies them. */
#ifndef TPROXY_RELAY_CONFIG_LIMIT_VALUES_H
#define TPROXY_RELAY_CONFIG_LIMIT_VALUES_H

#include <stdint.h>

#define LIMIT_BY_DESCRIPTORS UINT32_MAX /* a quarter of what the descriptors allow */

/* 0: no limit. */
struct limit_values {
	uint32_t max_flows;
	uint32_t max_flows_per_source; /* or LIMIT_BY_DESCRIPTORS */
	uint32_t flow_rate;            /* new flows a second; as many may come at once */
	uint32_t flow_rate_per_source;
	uint64_t bandwidth;            /* bytes a second, of each direction of a TCP connection */
	uint64_t bandwidth_per_source; /* this and the next one: of each direction of all flows */
	uint64_t bandwidth_total;
	uint8_t source_prefix6; /* bits of an IPv6 address that make a client */
};

#define LIMITS_DEFAULT                                                                             \
	{                                                                                          \
		.max_flows_per_source = LIMIT_BY_DESCRIPTORS, .source_prefix6 = 64                 \
	}

#endif
