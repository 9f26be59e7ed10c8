/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/neighbourhood.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/addrset.h"
#include "lib/device.h"

#define MOST_BITS 4 /* that may differ from our own address */

struct search {
	int ifindex;
	__u8 family;
	struct addrset own; /* of this host; freed */
	struct endpoint *client;
	bool found;
};

static unsigned int bits_of(__u8 family)
{
	return family == AF_INET ? 32 : 128;
}

/*
 * Is the rest after the prefix all zeros, or in IPv4 all ones? No host has such an address: it is
 * that of the network, of all routers there (RFC 4291 2.6.1) or for broadcasts.
 */
static bool is_edge(const struct address *address, const __u8 *addr)
{
	const unsigned int end = bits_of(address->family);
	bool zeros = true, ones = address->family == AF_INET;

	if (address->len == end - 1) /* RFC 3021, RFC 6164: both are hosts */
		return false;
	for (unsigned int bit = address->len; bit < end; bit++) {
		bool set = addr[bit / 8] & 0x80 >> bit % 8;

		zeros &= !set;
		ones &= set;
	}
	return zeros || ones;
}

static bool is_link_local(const struct address *address)
{
	return address->family == AF_INET6 && address->addr[0] == 0xfe &&
	       (address->addr[1] & 0xc0) == 0x80;
}

static bool is_own(const struct search *s, const __u8 *addr)
{
	struct addrset_key key;

	addrset_key(s->family, addr, &key);
	return addrset_has(&s->own, &key);
}

/* Are some of these bits part of the prefix? */
static bool is_in_prefix(const struct address *address, __u8 bits)
{
	const unsigned int room = bits_of(address->family) - address->len;

	return room < MOST_BITS && bits >> room;
}

/* Our own address with other last bits. */
static int pick(const struct address *address, void *arg)
{
	struct search *s = arg;
	const unsigned int full = bits_of(s->family), last = full / 8 - 1;

	if (address->ifindex != s->ifindex || address->family != s->family || s->found ||
	    address->len >= full || is_link_local(address))
		return 0;
	for (__u8 bits = 1; bits < 1 << MOST_BITS && !is_in_prefix(address, bits); bits++) {
		__u8 addr[16];

		memcpy(addr, address->addr, sizeof(addr));
		addr[last] ^= bits;
		if (is_edge(address, addr) || is_own(s, addr))
			continue;
		*s->client = (struct endpoint){ .family = s->family };
		memcpy(s->client->addr, addr, last + 1);
		s->found = true;
		break;
	}
	return 0;
}

int neighbourhood_client(struct nl *nl, int ifindex, __u8 family, struct endpoint *ret_client)
{
	struct search search = { .ifindex = ifindex, .family = family, .client = ret_client };
	int err = addrset_read(&search.own, nl);

	if (!err)
		err = device_addresses(nl, pick, &search);
	addrset_free(&search.own);
	return err ? err : search.found ? 0 : -ENOENT;
}

void neighbourhood_stranger(__u8 family, struct endpoint *ret_stranger)
{
	static const __u8 to4[16] = { 192, 0, 2, 1 };
	static const __u8 to6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

	*ret_stranger = (struct endpoint){ .family = family };
	memcpy(ret_stranger->addr, family == AF_INET ? to4 : to6, sizeof(to4));
}
