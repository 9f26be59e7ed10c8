/* SPDX-License-Identifier: BSD-2-Clause */
/* An address as the user writes it, as the socket calls take it. */
#ifndef TPROXY_RELAY_CONFIG_ENDPOINT_H
#define TPROXY_RELAY_CONFIG_ENDPOINT_H

#include "lib/parse.h"
#include "relay/net/addr.h"

static inline union saddr endpoint_saddr(const struct endpoint *ep)
{
	return saddr_from(ep->family, ep->addr, ep->port);
}

#endif
