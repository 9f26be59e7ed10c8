/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP flows whose start was given to a proxy. When the proxy resets a flow or dies, no socket
 * owns the packets of the client that are still on their way. Forwarded, they would bypass the
 * proxy and reach the server. So they stay here; the proxy's listener, if there is one, answers
 * them with RST (tcp_rcv_state_process). Remembers flows; decides nothing about packets.
 *
 * A table with one entry for each hash, where a newer flow overwrites an older one: no lock, no
 * allocation. An overwritten flow is treated like any flow that is older than this program.
 *
 * The maps are called `began`, and `.data.tags` with `began_tags` in it: their pins and the
 * upgrade from older builds go by these names.
 */
#ifndef TPROXY_PROXIED_BPF_H
#define TPROXY_PROXIED_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "proto.bpf.h"
#include "tproxy.h"

#define PROXIED_BITS 16 /* of the hash; 2.5 MiB */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << PROXIED_BITS);
	__type(key, __u32);
	__type(value, struct tproxy_flow_key);
} began SEC(".maps");

/*
 * For each entry the low 16 bits of its flow's hash. Packets of flows that only pass are compared
 * with these first: with many flows, each of them missed the CPU's caches in the table itself.
 */
static __u16 began_tags[1 << PROXIED_BITS] SEC(".data.tags");

/*
 * The mixing of h is one to one. So flows that differ in one port only never share both entry
 * and tag.
 */
static __always_inline __u32 proxied_hash(const struct flow *f)
{
	const struct bpf_sock_tuple *t = &f->tuple;
	__u32 src, dst, ports, h;

	if (f->family == AF_INET) {
		src = t->ipv4.saddr;
		dst = t->ipv4.daddr;
		ports = (__u32)t->ipv4.sport << 16 | t->ipv4.dport;
	} else {
		src = t->ipv6.saddr[3] ^ t->ipv6.saddr[1];
		dst = t->ipv6.daddr[3] ^ t->ipv6.daddr[1];
		ports = (__u32)t->ipv6.sport << 16 | t->ipv6.dport;
	}
	h = src * 0x9e3779b1 + dst * 0x85ebca6b + ports * 0xc2b2ae35;
	h = (h ^ h >> 16) * 0x7feb352d;
	return h ^ h >> 15;
}

/* Compares all but the number of the rule. */
static __always_inline bool same_flow(const struct tproxy_flow_key *a,
				      const struct tproxy_flow_key *b)
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;

	if (a->proto != b->proto)
		return false;
	for (__u32 i = 1; i < sizeof(*a) / sizeof(*x); i++)
		if (x[i] != y[i])
			return false;
	return true;
}

/*
 * Returns 0, or one more than the number of the rule that took the flow. Call it by the names
 * below. A global function, like proxied_note: the verifier walks each once, instead of once for
 * every path that leads to it.
 */
__noinline int proxied_find(const struct flow *f, __u32 forget)
{
	struct tproxy_flow_key key, *entry;
	__u32 hash, at;

	if (!f)
		return 0;
	hash = proxied_hash(f);
	at = hash >> (32 - PROXIED_BITS);
	if (began_tags[at] != (__u16)hash)
		return 0;
	entry = bpf_map_lookup_elem(&began, &at);
	if (!entry)
		return 0;
	key = flow_key(f);
	if (!same_flow(entry, &key))
		return 0;
	if (forget)
		entry->proto = 0;
	return entry->rule + 1;
}

static __always_inline bool proxied_is(const struct flow *f)
{
	return proxied_find(f, false);
}

/* The flow begins again, and no proxy gets it now. */
static __always_inline void proxied_forget(const struct flow *f)
{
	proxied_find(f, true);
}

/* Number of the rule that gave the flow to a proxy, or -1. */
static __always_inline int proxied_rule(const struct flow *f)
{
	return proxied_find(f, false) - 1;
}

/* This rule gives the start of the flow to a proxy. */
__noinline int proxied_note(const struct flow *f, __u32 rule)
{
	struct tproxy_flow_key *entry;
	__u32 hash, at;

	if (!f)
		return 0;
	hash = proxied_hash(f);
	at = hash >> (32 - PROXIED_BITS);
	began_tags[at] = (__u16)hash;
	entry = bpf_map_lookup_elem(&began, &at);
	if (!entry)
		return 0;
	*entry = flow_key(f);
	entry->rule = (__u8)rule;
	return 1;
}

#endif
