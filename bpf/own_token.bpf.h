/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tokens: addresses of this host, each of which stands for a destination of datagrams. The kernel
 * chooses the route of an unconnected datagram before the hook of sendmsg can set a mark, but after
 * the hook has changed the destination. So the first datagram needs no mark. tc on lo puts the
 * destination back.
 *
 * A destination keeps its token as long as it is used: for conntrack, each token is a flow of its
 * own. The hash selects a set of TPROXY_OWN_WAYS tokens; a full set replaces the one that was idle
 * for longest. Changes no packet.
 */
#ifndef TPROXY_OWN_TOKEN_BPF_H
#define TPROXY_OWN_TOKEN_BPF_H

#include "own_maps.bpf.h"
#include "proto.bpf.h"
#include "tproxy.h"
#include "tproxy_own.h"

#define NO_TOKEN 0xffffffff
#define TOKEN_TRIES 4
/* So much later the time is written again: CPUs that share a token do not fight for it. */
#define TOKEN_STEP_NS 1000000000ULL

/* Half of each set is for root and services: a user's datagrams to many destinations leave it free. */
#define TOKEN_FIRST_USER 1000 /* UID_MIN of login.defs(5) */

/* User space fills it at random, so that no user can make sets overflow for others. */
const volatile __u32 token_seed = 0x9e3779b1;

/* A destination and its rule, in words. The destination alone selects the set. */
struct token_key {
	__u32 dst[4]; /* network byte order, IPv4 as ::ffff:a.b.c.d */
	__u32 rule;
};

static __always_inline __u32 token_hash(const struct token_key *key)
{
	__u32 h = token_seed;

#pragma unroll
	for (int i = 0; i < 4; i++)
		h = (h ^ key->dst[i]) * 0x85ebca6b, h ^= h >> 15;
	return h ^ h >> 16;
}

/* Index of the first token of the set. */
static __always_inline __u32 token_set(const struct token_key *key)
{
	return token_hash(key) % (TPROXY_OWN_TOKENS / TPROXY_OWN_WAYS) * TPROXY_OWN_WAYS;
}

static __always_inline bool token_is(const struct tproxy_token *t, const struct token_key *key)
{
	const __u32 *dst = (const __u32 *)t->dst;

	return t->rule == key->rule && dst[3] == key->dst[3] && dst[2] == key->dst[2] &&
	       dst[1] == key->dst[1] && dst[0] == key->dst[0];
}

/* Nobody replaces a token that is in use, so only one that was idle has to be claimed again. */
static __always_inline bool token_renew(struct tproxy_token *t, const struct token_key *key,
					__u64 now)
{
	__u64 was_ns = *(volatile __u64 *)&t->last_ns;

	if (!was_ns || !token_is(t, key))
		return false;
	if (was_ns + TPROXY_OWN_TOKEN_NS > now) {
		if (was_ns + TOKEN_STEP_NS < now)
			t->last_ns = now;
		return true;
	}
	return __sync_val_compare_and_swap(&t->last_ns, was_ns, now) == was_ns;
}

/* False if another CPU took it first. */
static __always_inline bool token_claim(struct tproxy_token *t, const struct token_key *key,
					__u64 was_ns, __u64 now)
{
	__u32 *dst = (__u32 *)t->dst;

	if (__sync_val_compare_and_swap(&t->last_ns, was_ns, now) != was_ns)
		return false;
	/* Nobody takes it for the old or the new destination while that is half written. */
	*(volatile __u32 *)&t->rule = TPROXY_NO_RULE;
	t->listener = t->route = TPROXY_OWN_PERIOD(now) - 1;
	dst[0] = key->dst[0];
	dst[1] = key->dst[1];
	dst[2] = key->dst[2];
	dst[3] = key->dst[3];
	*(volatile __u32 *)&t->rule = key->rule;
	return true;
}

static __always_inline __u32 first_way(void)
{
	return (__u32)bpf_get_current_uid_gid() >= TOKEN_FIRST_USER ? TPROXY_OWN_WAYS / 2 : 0;
}

/*
 * Takes the token of the set that was idle for longest, if that is long enough. NO_TOKEN also if
 * another CPU took that one. A global function, like the next one: the verifier walks the loop once.
 */
__noinline __u32 token_replace(__u32 set, const struct token_key *key)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 oldest = now > TPROXY_OWN_TOKEN_NS ? now - TPROXY_OWN_TOKEN_NS : 1;
	__u32 best = NO_TOKEN, first = first_way();
	struct tproxy_token *t;

	if (!key)
		return NO_TOKEN;
	for (__u32 way = 0; way < TPROXY_OWN_WAYS; way++) {
		__u32 at = set + way;

		t = bpf_map_lookup_elem(&tokens, &at);
		if (way >= first && t && t->last_ns < oldest) {
			oldest = t->last_ns;
			best = set + way;
		}
	}
	t = bpf_map_lookup_elem(&tokens, &best);
	return t && token_claim(t, key, oldest, now) ? best : NO_TOKEN;
}

/* The index of its token, or NO_TOKEN. */
__noinline __u32 token_of(const struct token_key *key)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 set;

	if (!key)
		return NO_TOKEN;
	set = token_set(key);
	for (__u32 way = 0; way < TPROXY_OWN_WAYS; way++) {
		__u32 at = set + way;
		struct tproxy_token *t = bpf_map_lookup_elem(&tokens, &at);

		if (t && token_renew(t, key, now))
			return set + way;
	}
	for (int tries = 0; tries < TOKEN_TRIES; tries++) {
		__u32 index = token_replace(set, key);

		if (index != NO_TOKEN)
			return index;
	}
	return NO_TOKEN;
}

/* NULL: the address is no token that is in use. */
static __always_inline struct tproxy_token *token_at(__u32 index)
{
	struct tproxy_token *t = bpf_map_lookup_elem(&tokens, &index);

	return t && t->last_ns && t->rule != TPROXY_NO_RULE ? t : NULL;
}

static __always_inline bool is_token4(__be32 addr)
{
	return (bpf_ntohl(addr) & 0xffff0000) == TPROXY_OWN_TOKEN4;
}

/* addr: 16 bytes. The prefix is in config, so that several states of a host have different ones. */
static __always_inline bool is_token6(const struct tproxy_own *own, const void *addr)
{
	const __u32 *have = addr, *want = (const __u32 *)own->token6;

	return have[0] == want[0] && have[1] == want[1] && have[2] == want[2];
}

static __always_inline __be32 token_addr4(__u32 index)
{
	return bpf_htonl(TPROXY_OWN_TOKEN4 | index);
}

_Static_assert(TPROXY_OWN_TOKENS == 1 << 16, "an IPv4 token has the index in its low half");

#endif
