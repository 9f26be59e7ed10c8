/* SPDX-License-Identifier: BSD-2-Clause */
/* The proof that marked packets are delivered here, by the kernel's route look-up. */
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/routing/route.h"
#include "lib/device.h"

struct neighbour {
	int ifindex;
	__u8 family;
	bool found;
	__u8 addr[16];
};

/* A plausible sender on the link: our own address there with its last bit inverted. */
static int pick_neighbour(const struct address *address, void *arg)
{
	struct neighbour *n = arg;
	unsigned int last = n->family == AF_INET ? 3 : 15;

	if (address->ifindex != n->ifindex || address->family != n->family)
		return 0;
	memcpy(n->addr, address->addr, sizeof(n->addr));
	n->addr[last] ^= 1;
	n->found = true;
	return 0;
}

static int read_route_type(const struct nlmsghdr *msg, void *data)
{
	const struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);
	int *type = data;

	*type = hdr->rtm_type;
	return MNL_CB_OK;
}

/* Would a packet to this address be delivered here? */
static int prove_one(struct nl *nl, const struct route_key *key, int iif,
		     const struct neighbour *from, const void *to)
{
	__u16 len = from->family == AF_INET ? 4 : 16;
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_GETROUTE, 0);
	struct rtmsg *hdr = mnl_nlmsg_put_extra_header(msg, sizeof(*hdr));
	int type = RTN_UNSPEC;
	int err;

	hdr->rtm_family = from->family;
	hdr->rtm_dst_len = (__u8)(len * 8);
	hdr->rtm_src_len = (__u8)(len * 8);
	mnl_attr_put(msg, RTA_DST, len, to);
	mnl_attr_put(msg, RTA_SRC, len, from->addr);
	mnl_attr_put_u32(msg, RTA_IIF, (__u32)iif);
	mnl_attr_put_u32(msg, RTA_MARK, key->mark);
	err = nl_query(nl, msg, read_route_type, &type);
	/* The kernel may refuse the invented sender (martian, rp_filter): that proves nothing. */
	if (err == -EINVAL || err == -EXDEV)
		return -EAGAIN;
	if (err == -EHOSTUNREACH || err == -ENETUNREACH)
		return -EXDEV;
	if (err)
		return err;
	return type == RTN_LOCAL ? 0 : -EXDEV;
}

/* In the prefixes for documentation (RFC 5737, 3849, 9637): no host has these addresses. */
static const __u8 unused4[][4] = { { 192, 0, 2, 1 }, { 198, 51, 100, 1 }, { 203, 0, 113, 1 } };
static const __u8 unused6[][16] = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 },
				    { 0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, [15] = 1 },
				    { 0x3f, 0xff, [15] = 1 } };
_Static_assert(ARRAY_SIZE(unused4) == ARRAY_SIZE(unused6), "as many of each family");

int route_prove(struct nl *nl, __u8 family, const struct route_key *key, int iif, int link)
{
	struct neighbour from = { .ifindex = link, .family = family };
	int err = device_addresses_of(nl, family, link, pick_neighbour, &from);

	if (err)
		return err;
	if (!from.found)
		return -EAGAIN;
	for (size_t i = 0; i < ARRAY_SIZE(unused4) && !err; i++)
		err = prove_one(nl, key, iif, &from,
				family == AF_INET ? (const void *)unused4[i] : unused6[i]);
	return err;
}
