/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of addresses of both families, and this host's own ones as such a set. */
#ifndef TPROXY_LIB_ADDRSET_H
#define TPROXY_LIB_ADDRSET_H

#include <stdbool.h>

#include "lib/netlink.h"
#include "tproxy.h"

struct addrset_key {
	__u8 addr[16]; /* IPv4 as ::ffff:a.b.c.d, the form of struct tproxy_local_key */
};

struct addrset {
	struct addrset_key *items; /* owned; sorted once addrset_sort has run */
	size_t n, room;
};

/* addr: 4 or 16 bytes, network byte order. */
void addrset_key(__u8 family, const void *addr, struct addrset_key *ret_key);
bool addrset_is_loopback(const struct addrset_key *key); /* all of 127.0.0.0/8, and ::1 */

int addrset_append(struct addrset *set, const struct addrset_key *key); /* 0 or -ENOMEM */
void addrset_sort(struct addrset *set);
bool addrset_has(const struct addrset *set, const struct addrset_key *key); /* sorted set */
void addrset_free(struct addrset *set);

/* The addresses of all interfaces, sorted. 0 or -errno. */
int addrset_read(struct addrset *ret_own, struct nl *nl);
/* The same with their broadcast addresses: all that is never sent beyond the link. */
int addrset_read_with_broadcast(struct addrset *ret_set, struct nl *nl);

#endif
