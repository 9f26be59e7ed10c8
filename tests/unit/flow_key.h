/* SPDX-License-Identifier: BSD-2-Clause */
/* The key of a DNS flow between two addresses, which are given as text. */
#ifndef FLOW_KEY_H
#define FLOW_KEY_H

#include <arpa/inet.h>

#include "kernel/flows/flowset.h"

static inline struct tproxy_flow_key key_of(__u8 family, const char *src, const char *dst)
{
	struct tproxy_flow_key key;
	__u8 from[16], to[16];

	inet_pton(family, src, from);
	inet_pton(family, dst, to);
	flow_key_make(&key, family, from, to);
	key.sport = htons(0x1001);
	key.dport = htons(53);
	return key;
}

#endif
