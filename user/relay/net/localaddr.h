/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of this host, kept true by rtnetlink. One set a worker, so that
 * look-ups share nothing. Needs no privilege. Must not decide what they mean.
 */
#ifndef TPROXY_RELAY_NET_LOCALADDR_H
#define TPROXY_RELAY_NET_LOCALADDR_H

#include <stddef.h>

#include "relay/net/addr.h"

enum local_kind { LOCAL_NONE, LOCAL_ADDRESS, LOCAL_BROADCAST };

struct local_entry {
	uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	enum local_kind kind;
};

struct local_set {
	int events; /* tells that addresses changed; poll for reading */
	int dump;   /* asks for all of them: kept open so that it works without free descriptors */
	struct local_entry *entries; /* sorted */
	size_t count;
};

/* Subscribes, then reads the set once. 0 or -errno; close with local_close. */
int local_open(struct local_set *set);

/* To be called when `events` is readable. On failure the set stays as it was. 0 or -errno. */
int local_update(struct local_set *set);

enum local_kind local_lookup(const struct local_set *set, const union saddr *addr);

void local_close(struct local_set *set);

#endif
