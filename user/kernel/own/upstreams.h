/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The proxies that the relays of this host connect through, if they are on this host as well: what they
 * send is what the relay sent. Must not know which processes they are.
 */
#ifndef TPROXY_KERNEL_OWN_UPSTREAMS_H
#define TPROXY_KERNEL_OWN_UPSTREAMS_H

#include "kernel/state/state.h"
#include "lib/parse.h"

#define OWN_UPSTREAMS 32

struct own_upstreams {
	struct endpoint items[OWN_UPSTREAMS];
	size_t n;
};

/*
 * Asks each relay. One that does not answer, or is older than the question, has none; so have those of
 * other network namespaces.
 */
void own_upstreams_read(const struct state *state, struct own_upstreams *ret_upstreams);

#endif
