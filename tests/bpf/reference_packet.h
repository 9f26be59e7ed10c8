/* SPDX-License-Identifier: BSD-2-Clause */
/* The reference's own reading of headers: frame to what the decision needs to know. */
#ifndef REFERENCE_PACKET_H
#define REFERENCE_PACKET_H

#include "reference.h"

enum seen_kind {
	SEEN_NOT_IP,       /* or nothing that anybody can read, not even addresses */
	SEEN_VLAN,         /* of a VLAN, whose device has a say of its own */
	SEEN_VLAN_TAGS,    /* more priority tags than are read */
	SEEN_MALFORMED,    /* addresses, but no flow: cut off or nonsense */
	SEEN_HIDDEN,       /* the ports or flags are there, but not to be seen here */
	SEEN_HIDDEN_CHAIN, /* behind more headers than are read */
	SEEN_FRAG_OVERLAP, /* a TCP fragment that could rewrite flags */
	SEEN_SOURCE_ROUTE, /* the destination is not where it goes; nor with the next one */
	SEEN_ROUTING_HEADER,
	SEEN_OTHER,    /* an upper protocol that does not concern us */
	SEEN_ICMP,     /* error or not */
	SEEN_FLOW,     /* TCP or UDP, with ports */
	SEEN_FRAGMENT, /* not the first one: no ports */
};

struct seen {
	enum seen_kind kind;
	struct ref_end from, to;
	__u8 proto;
	__u8 tcp_flags;
	__u8 ttl;
	bool first_fragment, later_fragment;
	bool dont_fragment;
	bool bare;    /* neither IPv4 options nor IPv6 extension headers */
	__u32 id;     /* of the datagram that a fragment is of; as it stands in the packet */
	__u32 bytes;  /* as the IP header says */
	size_t tags;  /* bytes between the Ethernet header and the IP header */
	size_t upper; /* where the upper-layer header starts in the frame */
	size_t said;  /* where it ends according to its header, which may be behind the frame */
	size_t end;   /* where the IP packet ends in the frame: nothing exists from here on */
};

void seen_read(const struct ref_packet *p, struct seen *ret_seen);

/*
 * The packet that an ICMP error `s` quotes from `at` on, as seen by its sender: `from` is
 * the one who sent it. False when it says too little.
 */
bool seen_quoted(const struct ref_packet *p, const struct seen *s, size_t at,
		 struct seen *ret_seen);

/* TCP MD5 or AO among the options of a segment: only who has the key can answer. */
bool seen_signed(const struct ref_packet *p, const struct seen *s);

#endif
