/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of this host, up to date while they change. lib/addrset reads them; this adds the
 * report of changes and the look-up. Each thread has a set of its own, so that look-ups share
 * nothing. Needs no privilege. Must not decide what an address means.
 */
#ifndef TPROXY_RELAY_NET_LOCALADDR_H
#define TPROXY_RELAY_NET_LOCALADDR_H

#include "lib/addrset.h"
#include "lib/netlink.h"
#include "relay/net/addr.h"

enum local_kind { LOCAL_NONE, LOCAL_ADDRESS, LOCAL_BROADCAST };

struct local_set {
	int events;     /* readable: addresses changed */
	struct nl dump; /* kept open, so that reading needs no free descriptor and no socket(2) */
	struct addrset own;
	struct addrset broadcast;
};

/* Subscribes, then reads the set once. 0 or -errno; close with local_close. */
int local_open(struct local_set *set);

/* Call it when `events` is readable. On failure the set stays as it was. 0 or -errno. */
int local_update(struct local_set *set);

enum local_kind local_lookup(const struct local_set *set, const union saddr *addr);

void local_close(struct local_set *set);

#endif
