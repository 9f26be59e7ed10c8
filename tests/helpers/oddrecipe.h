/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oddities of one start of a flow: chosen at random, or a fixed set that some gate has let
 * pass. oddframes.h makes frames from them.
 */
#ifndef ODDRECIPE_H
#define ODDRECIPE_H

#include "../bpf/mutate.h"

#define ODD_KINDS(X)                                                                               \
	X(PLAIN, "nothing odd")                                                                    \
	X(TAGS, "priority tags")                                                                   \
	X(VLAN, "a VLAN's tag")                                                                    \
	X(TTL, "TTL")                                                                              \
	X(OPTIONS, "IPv4 options")                                                                 \
	X(SOURCE_ROUTE, "source route, done")                                                      \
	X(VIA, "source route, segments or tunnel by way of the router")                            \
	X(CHAIN, "extension headers")                                                              \
	X(LONG_CHAIN, "more than 8 extension headers")                                             \
	X(ROUTING, "routing header")                                                               \
	X(LENGTH, "wrong IP length")                                                               \
	X(NO_LENGTH, "IP length 0")                                                                \
	X(PAD, "padding")                                                                          \
	X(HOSTILE_PAD, "padding with the look of a header")                                        \
	X(FRAGMENTS, "fragments")                                                                  \
	X(CUT8, "first fragment of 8 bytes")                                                       \
	X(ATOMIC, "fragment header, not fragmented")                                               \
	X(NESTED, "two fragment headers")                                                          \
	X(ORDER, "fragments out of order")                                                         \
	X(TWICE, "fragments twice")                                                                \
	X(OVERLAP, "fragments that overlap")                                                       \
	X(ROUND, "fragments with a length that is no multiple of 8")                               \
	X(SAME_ID, "fragments with an identification used before")                                 \
	X(INNER, "extension headers in the fragmented part")                                       \
	X(FLAGS, "SYN with other flags")                                                           \
	X(DATA, "SYN with data")                                                                   \
	X(TCP_OPTIONS, "odd TCP options")                                                          \
	X(DOFF, "wrong TCP header length")                                                         \
	X(CLOSED, "closed TCP port")                                                               \
	X(UDP_LENGTH, "wrong UDP length")                                                          \
	X(NO_SUM, "no UDP checksum")

enum odd_kind {
#define X(symbol, name) ODD_##symbol,
	ODD_KINDS(X)
#undef X
		ODD_KIND_MAX
};

enum odd_via { VIA_NONE, VIA_DONE, VIA_LOOSE, VIA_STRICT, VIA_SEGMENTS, VIA_INSIDE };
enum odd_pad { PAD_NONE, PAD_ZERO, PAD_RANDOM, PAD_HOSTILE };
enum odd_length { LENGTH_RIGHT, LENGTH_ZERO, LENGTH_SHORT, LENGTH_LONG };

struct recipe {
	bool v6, udp;
	/* link */
	__u8 tags;       /* how many */
	__u16 vid;       /* of the innermost */
	__u8 pad, pad_n; /* enum odd_pad, and how many bytes */
	/* IP */
	__u8 ttl;       /* 0: as usual */
	__u8 via;       /* enum odd_via */
	bool via_first; /* its segments are in front of other extension headers */
	__u8 chain;     /* IPv4: option words, IPv6: extension headers */
	bool hop;       /* the first of them is hop-by-hop */
	bool routing;   /* one of them is a routing header */
	__u8 length;    /* enum odd_length */
	/* fragments */
	__u16 cut;   /* bytes of the first one; 0: whole */
	__u8 pieces; /* at most so many */
	bool atomic, nested, order, twice, overlap, round, same_id, inner;
	/* upper layer */
	__u8 flags;       /* besides SYN */
	__u8 tcp_options; /* 0: none, else which */
	__u8 doff;        /* 0: right */
	__u16 data;       /* bytes */
	bool closed, no_sum;
	__u8 udp_length; /* enum odd_length */
};

/* clang-format off */
static const struct recipe odd_fixed[] = {
	/* the ports are there, the flags after the declared end are padding */
	{ .cut = 8, .pieces = 2, .pad = PAD_HOSTILE, .pad_n = 20 },
	{ .cut = 8, .pieces = 2, .pad = PAD_HOSTILE, .pad_n = 20, .v6 = true },
	/* the kernel takes one tag off before the hook, and then each further one */
	{ .tags = 2 },
	{ .tags = 2, .v6 = true },
	{ .tags = 2, .udp = true },
	{ .tags = 2, .udp = true, .v6 = true },
	{ .tags = 3 },
	{ .tags = 10, .udp = true },
	/* ip_frag_queue uses 8 of these 14 bytes */
	{ .cut = 8, .pieces = 2, .round = true },
	{ .cut = 8, .pieces = 2, .round = true, .order = true },
	/* the router is the destination that the header names */
	{ .via = VIA_LOOSE },
	{ .via = VIA_STRICT, .udp = true },
	{ .via = VIA_SEGMENTS, .v6 = true },
	{ .via = VIA_SEGMENTS, .v6 = true, .udp = true },
	{ .via = VIA_INSIDE, .v6 = true },
	{ .via = VIA_INSIDE, .v6 = true, .udp = true },
	{ .via = VIA_SEGMENTS, .via_first = true, .chain = 12, .v6 = true, .udp = true },
	{ .via = VIA_SEGMENTS, .chain = 12, .v6 = true },
	{ .via = VIA_SEGMENTS, .v6 = true, .udp = true, .cut = 8, .pieces = 2, .data = 40,
	  .inner = true, .chain = 1 },
	{ .via = VIA_SEGMENTS, .v6 = true, .udp = true, .cut = 8, .pieces = 2, .data = 40,
	  .inner = true, .chain = 1, .order = true },
	{ .via = VIA_SEGMENTS, .v6 = true, .udp = true, .cut = 16, .pieces = 3, .data = 64 },
	/* ip6_rcv_core: then the frame is the bound */
	{ .v6 = true, .chain = 1, .hop = true, .length = LENGTH_ZERO },
	{ .v6 = true, .udp = true, .chain = 1, .hop = true, .length = LENGTH_ZERO },
	{ .v6 = true, .chain = 12 },
	{ .v6 = true, .udp = true, .chain = 12 },
	{ .cut = 24, .pieces = 3, .data = 64, .order = true },
	{ .cut = 24, .pieces = 3, .data = 64, .order = true, .v6 = true },
	{ .cut = 16, .pieces = 3, .data = 64, .udp = true, .twice = true },
	{ .v6 = true, .udp = true, .cut = 8, .pieces = 2, .data = 16, .inner = true, .chain = 2 },
	{ .v6 = true, .atomic = true },
	{ .ttl = 1 },
	{ .ttl = 2 },
};
/* clang-format on */

#define ODD_FIXED (sizeof(odd_fixed) / sizeof(odd_fixed[0]))

static inline void recipe_link(struct rng *r, struct recipe *c)
{
	if (rng_one_in(r, 4))
		c->tags = rng_one_in(r, 2) ? 1 + rng_below(r, 3) : 1 + rng_below(r, 10);
	if (c->tags && rng_one_in(r, 20))
		c->vid = 1 + rng_below(r, 4094);
	if (!rng_one_in(r, 3))
		return;
	c->pad = PAD_ZERO + rng_below(r, 3);
	c->pad_n = 1 + rng_below(r, 60);
}

static inline void recipe_ip(struct rng *r, struct recipe *c)
{
	static const __u8 ttls[] = { 1, 2, 64, 255 };

	if (rng_one_in(r, 8))
		c->ttl = ttls[rng_below(r, sizeof(ttls))];
	if (rng_one_in(r, 12))
		c->via = c->v6 ? VIA_SEGMENTS + rng_below(r, 2) : VIA_DONE + rng_below(r, 3);
	c->via_first = rng_one_in(r, 2);
	if (rng_one_in(r, 4))
		c->chain = 1 + rng_below(r, c->v6 ? (rng_one_in(r, 4) ? 12 : 4) : 6);
	c->hop = c->v6 && c->chain && rng_one_in(r, 2);
	c->routing = c->v6 && c->chain && rng_one_in(r, 4);
	if (rng_one_in(r, 20) || (c->hop && rng_one_in(r, 4)))
		c->length = rng_one_in(r, 2) ? LENGTH_ZERO : LENGTH_SHORT + rng_below(r, 2);
}

static inline void recipe_fragments(struct rng *r, struct recipe *c)
{
	static const __u16 cuts[] = { 8, 8, 16, 24, 24, 32, 40, 64 };

	if (c->v6 && rng_one_in(r, 12))
		c->atomic = true;
	else if (rng_one_in(r, 3))
		c->cut = cuts[rng_below(r, sizeof(cuts) / sizeof(cuts[0]))];
	if (!c->cut)
		return;
	c->pieces = 2 + rng_below(r, 5);
	c->nested = c->v6 && rng_one_in(r, 12);
	c->order = rng_one_in(r, 3);
	c->twice = rng_one_in(r, 5);
	c->overlap = rng_one_in(r, 8);
	c->round = rng_one_in(r, 8);
	c->same_id = rng_one_in(r, 4);
	c->inner = c->v6 && (c->chain ? rng_one_in(r, 2) : rng_one_in(r, 4));
	if (c->inner && !c->chain)
		c->chain = 1 + rng_below(r, 3);
	if (!c->data && rng_one_in(r, 2))
		c->data = 8 + rng_below(r, 120);
}

static inline void recipe_upper(struct rng *r, struct recipe *c)
{
	static const __u8 flags[] = { FIN, PSH | URG | ECE | CWR, ECE | CWR, PSH, URG, FIN | PSH };

	c->closed = rng_one_in(r, 16) && !c->udp;
	if (rng_one_in(r, 6))
		c->data = 1 + rng_below(r, rng_one_in(r, 4) ? 1100 : 100);
	if (c->udp) {
		c->no_sum = rng_one_in(r, 12);
		if (rng_one_in(r, 12))
			c->udp_length = LENGTH_ZERO + rng_below(r, 3);
		return;
	}
	if (rng_one_in(r, 5))
		c->flags = flags[rng_below(r, sizeof(flags))];
	if (rng_one_in(r, 4))
		c->tcp_options = 1 + rng_below(r, 6);
	if (rng_one_in(r, 50))
		c->doff = rng_one_in(r, 2) ? 15 : 1 + rng_below(r, 4);
}

static inline void recipe_random(struct rng *r, struct recipe *ret_recipe)
{
	*ret_recipe = (struct recipe){ .v6 = rng_one_in(r, 2), .udp = rng_one_in(r, 2) };
	recipe_upper(r, ret_recipe);
	recipe_link(r, ret_recipe);
	recipe_ip(r, ret_recipe);
	recipe_fragments(r, ret_recipe);
}

static inline __u64 recipe_kinds(const struct recipe *c)
{
	const bool odd[ODD_KIND_MAX] = {
		[ODD_TAGS] = c->tags && !c->vid,
		[ODD_VLAN] = c->vid,
		[ODD_TTL] = c->ttl,
		[ODD_OPTIONS] = !c->v6 && c->chain,
		[ODD_SOURCE_ROUTE] = c->via == VIA_DONE,
		[ODD_VIA] = c->via > VIA_DONE,
		[ODD_CHAIN] = c->v6 && c->chain && c->chain <= 8,
		[ODD_LONG_CHAIN] = c->v6 && c->chain > 8,
		[ODD_ROUTING] = c->routing,
		[ODD_LENGTH] = c->length > LENGTH_ZERO,
		[ODD_NO_LENGTH] = c->length == LENGTH_ZERO,
		[ODD_PAD] = c->pad && c->pad != PAD_HOSTILE,
		[ODD_HOSTILE_PAD] = c->pad == PAD_HOSTILE,
		[ODD_FRAGMENTS] = c->cut,
		[ODD_CUT8] = c->cut == 8,
		[ODD_ATOMIC] = c->atomic,
		[ODD_NESTED] = c->nested,
		[ODD_ORDER] = c->order,
		[ODD_TWICE] = c->twice,
		[ODD_OVERLAP] = c->overlap,
		[ODD_ROUND] = c->round,
		[ODD_SAME_ID] = c->same_id,
		[ODD_INNER] = c->inner,
		[ODD_FLAGS] = c->flags,
		[ODD_DATA] = !c->udp && c->data,
		[ODD_TCP_OPTIONS] = c->tcp_options,
		[ODD_DOFF] = c->doff,
		[ODD_CLOSED] = c->closed,
		[ODD_UDP_LENGTH] = c->udp_length,
		[ODD_NO_SUM] = c->no_sum,
	};
	__u64 kinds = 0;

	for (int i = 0; i < ODD_KIND_MAX; i++)
		kinds |= (__u64)odd[i] << i;
	return kinds ? kinds : 1ULL << ODD_PLAIN;
}

#endif
