/* SPDX-License-Identifier: BSD-2-Clause */
/* The reference's own reading of headers: frame to what the decision needs to know. */
#ifndef REFERENCE_PACKET_H
#define REFERENCE_PACKET_H

#include "reference.h"

enum seen_kind {
	SEEN_NOT_IP,         /* or without readable addresses */
	SEEN_VLAN,           /* belongs to a VLAN device */
	SEEN_VLAN_TAGS,      /* more priority tags than are read */
	SEEN_MALFORMED,      /* addresses, but no flow: cut off or invalid */
	SEEN_HIDDEN,         /* ports or flags are in another fragment */
	SEEN_HIDDEN_CHAIN,   /* after more headers than are read */
	SEEN_FRAG_OVERLAP,   /* a TCP fragment that could rewrite flags */
	SEEN_SOURCE_ROUTE,   /* does not go to the destination in the header */
	SEEN_ROUTING_HEADER, /* the same in IPv6 */
	SEEN_OTHER,          /* neither TCP, UDP nor ICMP */
	SEEN_ICMP,           /* error or not */
	SEEN_FLOW,           /* TCP or UDP, with ports */
	SEEN_FRAGMENT,       /* not the first one: no ports */
};

static inline bool seen_is_unreadable(enum seen_kind kind)
{
	switch (kind) {
	case SEEN_VLAN_TAGS:
	case SEEN_MALFORMED:
	case SEEN_HIDDEN:
	case SEEN_HIDDEN_CHAIN:
	case SEEN_FRAG_OVERLAP:
	case SEEN_SOURCE_ROUTE:
	case SEEN_ROUTING_HEADER:
		return true;
	default:
		return false;
	}
}

/* A protocol that the data path handles. */
static inline bool seen_is_ours(enum seen_kind kind)
{
	return kind == SEEN_ICMP || kind == SEEN_FLOW || kind == SEEN_FRAGMENT;
}

struct seen {
	enum seen_kind kind;
	struct ref_end from, to;
	__u8 proto;
	__u8 tcp_flags;
	__u8 ttl;
	bool first_fragment, later_fragment;
	bool dont_fragment;
	bool bare;    /* neither IPv4 options nor IPv6 extension headers */
	__u32 id;     /* IP identification of a fragment, as in the packet */
	__u32 bytes;  /* as the IP header says */
	size_t tags;  /* bytes between the Ethernet header and the IP header */
	size_t upper; /* where the upper-layer header starts in the frame */
	size_t said;  /* where it ends according to its header; may be after the frame's end */
	size_t end;   /* where the IP packet ends in the frame */
};

void seen_read(const struct ref_packet *p, struct seen *ret_seen);

/*
 * The packet that the ICMP error `s` quotes from `at` on; `from` is the quoted packet's sender.
 * False if the quote is too short or cannot be read.
 */
bool seen_quoted(const struct ref_packet *p, const struct seen *s, size_t at,
		 struct seen *ret_seen);

/* TCP MD5 among the options of a segment: only a peer with the key can answer. */
bool seen_signed(const struct ref_packet *p, const struct seen *s);

#endif
