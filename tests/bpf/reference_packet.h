/* SPDX-License-Identifier: BSD-2-Clause */
/* The reference's own reading of headers: frame to what the decision needs to know. */
#ifndef REFERENCE_PACKET_H
#define REFERENCE_PACKET_H

#include "reference.h"

enum seen_kind {
	SEEN_NOT_IP,
	SEEN_MALFORMED,
	SEEN_HIDDEN,   /* the ports are there, but not to be seen here */
	SEEN_SOURCE_ROUTE,
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
	bool first_fragment;
	bool bare;     /* neither IPv4 options nor IPv6 extension headers */
	__u32 id;      /* of the datagram that a fragment is of; as it stands in the packet */
	__u32 bytes;   /* as the IP header says */
	size_t upper;  /* where the upper-layer header starts in the frame */
};

void seen_read(const struct ref_packet *p, struct seen *ret_seen);

/*
 * The packet that an ICMP error at `at` quotes, as seen by its sender: `from` is the
 * one who sent it. False when it says too little.
 */
bool seen_quoted(const struct ref_packet *p, size_t at, __u8 family, struct seen *ret_seen);

#endif
