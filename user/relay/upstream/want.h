/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flow wants of its onward socket. Data only. */
#ifndef TPROXY_RELAY_UPSTREAM_WANT_H
#define TPROXY_RELAY_UPSTREAM_WANT_H

#include "relay/config/source.h"
#include "relay/net/binding.h"

struct upstream_want {
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	const struct outlet *outlet;
	const union saddr *client; /* NULL: for none, so never from its address */
	const union saddr *dst;
	struct device_chooser *devices;
	uint8_t ttl; /* 0: the kernel's default */
	uint8_t tos;
};

#endif
