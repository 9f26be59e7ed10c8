/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads one frame with the data path's parser and with the reference, and compares. */
#ifndef PACKET_COMPARE_H
#define PACKET_COMPARE_H

#include <stdlib.h>
#include <string.h>

#include "../bpf/reference_packet.h"
#include "bpf_parse.h"

static inline enum parsed_kind expected_kind(enum seen_kind kind)
{
	static const enum parsed_kind kinds[] = {
		[SEEN_NOT_IP] = PARSED_OTHER,
		[SEEN_VLAN] = PARSED_OTHER,
		[SEEN_VLAN_TAGS] = PARSED_TAGS,
		[SEEN_MALFORMED] = PARSED_MALFORMED,
		[SEEN_HIDDEN] = PARSED_HIDDEN,
		[SEEN_HIDDEN_CHAIN] = PARSED_CHAIN,
		[SEEN_FRAG_OVERLAP] = PARSED_OVERLAP,
		[SEEN_SOURCE_ROUTE] = PARSED_SOURCE_ROUTE,
		[SEEN_ROUTING_HEADER] = PARSED_ROUTING_HEADER,
		[SEEN_OTHER] = PARSED_OTHER,
		[SEEN_ICMP] = PARSED_ICMP,
		[SEEN_FLOW] = PARSED_FLOW,
		[SEEN_FRAGMENT] = PARSED_FRAGMENT,
	};

	return kinds[kind];
}

static inline const char *packet_compare(const struct seen *s, const struct parsed *p)
{
	if (s->kind == SEEN_NOT_IP && p->kind == PARSED_MALFORMED) /* neither read addresses */
		return memcmp(s->to.addr.bytes, p->dst, 16) ? "addresses" : NULL;
	if (expected_kind(s->kind) != p->kind)
		return "kind";
	if (s->kind == SEEN_NOT_IP || s->kind == SEEN_VLAN || s->kind == SEEN_VLAN_TAGS ||
	    s->kind == SEEN_OTHER)
		return NULL;
	if (s->to.addr.family != p->family || memcmp(s->from.addr.bytes, p->src, 16) ||
	    memcmp(s->to.addr.bytes, p->dst, 16))
		return "addresses";
	if (s->kind < SEEN_OTHER)
		return NULL;
	if (s->proto != p->proto || s->bytes != p->bytes)
		return "protocol or length";
	if ((s->first_fragment || s->kind == SEEN_FRAGMENT) && s->id != p->id)
		return "identification";
	if (s->kind != SEEN_FRAGMENT && s->upper != ETH_HLEN + p->l4_offset)
		return "where the upper layer starts";
	if (s->first_fragment != p->first_fragment || s->tcp_flags != p->tcp_flags ||
	    s->from.port != p->sport || s->to.port != p->dport)
		return "upper layer";
	return NULL;
}

/* Returns NULL, or the name of the difference. n: ETH_HLEN or more. */
static inline const char *packet_check(const __u8 *frame, size_t n)
{
	const struct ref_packet p = { .at = frame, .n = n };
	__u8 *exact =
		malloc(n - ETH_HLEN + 1); /* of exact size, so that ASan notices a byte too far */
	struct parsed parsed;
	struct seen seen;

	if (!exact)
		return "no memory";
	exact++;
	memcpy(exact, frame + ETH_HLEN, n - ETH_HLEN);
	bpf_parse(exact, (unsigned int)(n - ETH_HLEN),
		  (__u16)(frame[2 * ETH_ALEN] << 8 | frame[2 * ETH_ALEN + 1]), &parsed);
	free(exact - 1);
	seen_read(&p, &seen);
	return packet_compare(&seen, &parsed);
}

#endif
