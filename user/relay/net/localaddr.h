/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of this host: reading them, the report of changes, the look-up. A set does not
 * change, so that threads may share it. Needs no privilege. Must not decide what an address means.
 */
#ifndef TPROXY_RELAY_NET_LOCALADDR_H
#define TPROXY_RELAY_NET_LOCALADDR_H

#include "lib/addrset.h"
#include "lib/netlink.h"
#include "relay/net/addr.h"

enum local_kind { LOCAL_NONE, LOCAL_ADDRESS, LOCAL_BROADCAST };

/* An address and a device that has it. */
struct local_place {
	struct addrset_key key;
	int ifindex;
};

/* All zero: empty. */
struct local_set {
	struct addrset own;
	struct addrset broadcast;
	struct local_place *places; /* sorted */
	size_t place_count, place_room;
};

void local_free(struct local_set *set);

enum local_kind local_lookup(const struct local_set *set, const union saddr *addr);

/* The device has this address. */
bool local_is_on(const struct local_set *set, const union saddr *addr, int ifindex);

struct local_reader {
	int events;     /* readable: addresses changed */
	struct nl dump; /* kept open, so that reading needs no free descriptor and no socket(2) */
};

/* Subscribes. 0 or -errno; close with local_reader_close. */
int local_reader_open(struct local_reader *r);

/* Call it after opening, and when `events` is readable. On failure the set stays as it was. */
int local_read(struct local_reader *r, struct local_set *set);

void local_reader_close(struct local_reader *r);

#endif
