/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/neighbourhood.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/device.h"

struct search {
	int ifindex;
	__u8 family;
	struct endpoint *client;
	bool found;
};

/* Is the rest after the prefix all zeros or all ones? In IPv4 no host has such an address. */
static bool is_edge(const __u8 *addr, unsigned int len)
{
	bool zeros = true, ones = true;

	for (unsigned int bit = len; bit < 32; bit++) {
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

/* Our own address with other last bits. */
static int pick(const struct address *address, void *arg)
{
	struct search *s = arg;
	const unsigned int last = s->family == AF_INET ? 3 : 15, full = (last + 1) * 8;

	if (address->ifindex != s->ifindex || address->family != s->family || s->found ||
	    address->len >= full || is_link_local(address))
		return 0;
	for (__u8 bits = 1; bits < 4 && !s->found; bits++) {
		__u8 addr[16];

		memcpy(addr, address->addr, sizeof(addr));
		addr[last] ^= bits;
		if (bits > 1 && address->len == full - 1)
			break;
		if (s->family == AF_INET && address->len < 31 && is_edge(addr, address->len))
			continue;
		*s->client = (struct endpoint){ .family = s->family };
		memcpy(s->client->addr, addr, last + 1);
		s->found = true;
	}
	return 0;
}

int neighbourhood_client(struct nl *nl, int ifindex, __u8 family, struct endpoint *ret_client)
{
	struct search search = { .ifindex = ifindex, .family = family, .client = ret_client };
	int err = device_addresses(nl, pick, &search);

	return err ? err : search.found ? 0 : -ENOENT;
}

void neighbourhood_stranger(__u8 family, struct endpoint *ret_stranger)
{
	static const __u8 to4[16] = { 192, 0, 2, 1 };
	static const __u8 to6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

	*ret_stranger = (struct endpoint){ .family = family };
	memcpy(ret_stranger->addr, family == AF_INET ? to4 : to6, sizeof(to4));
}
