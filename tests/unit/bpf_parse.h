/* SPDX-License-Identifier: BSD-2-Clause */
/* The data path's packet parser, compiled as plain C for tests that need no kernel. */
#ifndef BPF_PARSE_H
#define BPF_PARSE_H

enum parsed_kind {
	PARSED_FLOW,
	PARSED_FRAGMENT, /* a later fragment: no ports */
	PARSED_ICMP,
	PARSED_OTHER,
	PARSED_SOURCE_ROUTE,
	PARSED_MALFORMED,
	PARSED_HIDDEN,
	PARSED_CHAIN,
	PARSED_ROUTING_HEADER,
	PARSED_OVERLAP,
	PARSED_TAGS,
};

/* Numbers in host byte order; fields that the kind does not need are not filled. */
struct parsed {
	enum parsed_kind kind;
	unsigned char src[16], dst[16]; /* IPv4 in the first four */
	unsigned short sport, dport;
	unsigned char family, proto, tcp_flags, first_fragment;
	unsigned int id; /* as in the packet */
	unsigned int l4_offset, bytes;
};

/* packet: n bytes from the network header on. ethertype: host byte order. */
void bpf_parse(const void *packet, unsigned int n, unsigned short ethertype,
	       struct parsed *ret_parsed);

#endif
