// SPDX-License-Identifier: BSD-2-Clause
/*
 * bpf/parse.bpf.h without BPF: its only helper reads from memory here. A file of its own, because
 * the kernel types of vmlinux.h and those of libc cannot be included together.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>

#include "bpf_parse.h"

#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define barrier_var(var) __asm__ volatile("" : "+r"(var))

static struct {
	const __u8 *at;
	__u32 n;
} packet_now;

/* As in the kernel: all bytes, or an error and zeroes; offsets up to 16 bits. */
static long bpf_skb_load_bytes_relative(const void *skb, __u32 offset, void *to, __u32 len,
					__u32 start)
{
	(void)skb;
	(void)start;
	if (offset > 0xffff || offset > packet_now.n || len > packet_now.n - offset) {
		__builtin_memset(to, 0, len);
		return -14; /* EFAULT */
	}
	__builtin_memcpy(to, packet_now.at + offset, len);
	return 0;
}

#include "parse.bpf.h"

static enum parsed_kind kind_of(enum parse_result result, const struct flow *f)
{
	switch (result) {
	case PARSE_FLOW:
		return f->frag == FRAG_LATER ? PARSED_FRAGMENT : PARSED_FLOW;
	case PARSE_ICMP:
		return PARSED_ICMP;
	case PARSE_SOURCE_ROUTE:
		return PARSED_SOURCE_ROUTE;
	case PARSE_MALFORMED:
		return PARSED_MALFORMED;
	case PARSE_HIDDEN:
		return PARSED_HIDDEN;
	case PARSE_CHAIN:
		return PARSED_CHAIN;
	case PARSE_ROUTING_HEADER:
		return PARSED_ROUTING_HEADER;
	case PARSE_OVERLAP:
		return PARSED_OVERLAP;
	case PARSE_TAGS:
		return PARSED_TAGS;
	default:
		return PARSED_OTHER;
	}
}

static void copy_tuple(const struct flow *f, struct parsed *p)
{
	if (f->family == AF_INET) {
		__builtin_memcpy(p->src, &f->tuple.ipv4.saddr, 4);
		__builtin_memcpy(p->dst, &f->tuple.ipv4.daddr, 4);
		p->sport = bpf_ntohs(f->tuple.ipv4.sport);
		p->dport = bpf_ntohs(f->tuple.ipv4.dport);
	} else {
		__builtin_memcpy(p->src, f->tuple.ipv6.saddr, 16);
		__builtin_memcpy(p->dst, f->tuple.ipv6.daddr, 16);
		p->sport = bpf_ntohs(f->tuple.ipv6.sport);
		p->dport = bpf_ntohs(f->tuple.ipv6.dport);
	}
}

void bpf_parse(const void *packet, unsigned int n, unsigned short ethertype,
	       struct parsed *ret_parsed)
{
	struct __sk_buff skb = { .protocol = bpf_htons(ethertype), .len = n };
	struct flow f = {};

	packet_now.at = packet;
	packet_now.n = n;
	*ret_parsed = (struct parsed){ .kind = kind_of(parse(&skb, &f), &f) };
	ret_parsed->family = (unsigned char)f.family;
	ret_parsed->proto = f.proto;
	ret_parsed->tcp_flags = f.tcp_flags;
	ret_parsed->first_fragment = f.frag == FRAG_FIRST;
	ret_parsed->id = f.frag_id;
	ret_parsed->l4_offset = f.l4_offset;
	ret_parsed->bytes = f.bytes;
	copy_tuple(&f, ret_parsed);
}
