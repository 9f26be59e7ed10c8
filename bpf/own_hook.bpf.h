/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What becomes of a connection, or a datagram, that a process of this host begins. Reads the rules, and
 * asks whether there is a listener, so that a proxy that is down is reported at once. Changes
 * neither socket nor address.
 */
#ifndef TPROXY_OWN_HOOK_BPF_H
#define TPROXY_OWN_HOOK_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "listener.bpf.h"
#include "maps.bpf.h"
#include "match.bpf.h"
#include "own_call.bpf.h"
#include "own_maps.bpf.h"
#include "own_match.bpf.h"
#include "own_token.bpf.h"
#include "own_udp.bpf.h"
#include "route.bpf.h"
#include "tproxy.h"
#include "tproxy_own.h"

enum own_verdict {
	OWN_ALONE, /* as if there were no tproxy */
	OWN_PROXY, /* the rule's proxy gets it */
	OWN_DENY,  /* -EPERM, like a firewall of this host */
	OWN_REFUSE /* -ECONNREFUSED, like a closed port */
};

/* Hooks are preempted by softirqs, in which the same counter may be increased. */
static __always_inline void count_call(enum tproxy_counter which)
{
	__u32 key = which;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

static __always_inline void count_call_rule(__u32 rule)
{
	struct tproxy_rulestat *stat = bpf_map_lookup_elem(&rulestats, &rule);

	if (!stat)
		return;
	__sync_fetch_and_add(&stat->flows, 1);
	__sync_fetch_and_add(&stat->packets, 1);
}

/* Our own tokens are no destinations: who could send to one would use the rule of another user. */
static __always_inline bool dst_is_token(const struct tproxy_own *own, const struct flow *f)
{
	if (f->proto != IPPROTO_UDP)
		return false;
	return f->family == AF_INET ? is_token4(f->tuple.ipv4.daddr) :
				      is_token6(own, f->tuple.ipv6.daddr);
}

static __always_inline bool src_is_loopback(const struct flow *f)
{
	if (f->family == AF_INET)
		return bpf_ntohl(f->tuple.ipv4.saddr) >> 24 == 127;
	return !(f->tuple.ipv6.saddr[0] | f->tuple.ipv6.saddr[1] | f->tuple.ipv6.saddr[2]) &&
	       f->tuple.ipv6.saddr[3] == bpf_htonl(1);
}

/* 169.254/16 has the metadata service of clouds: as for other traffic, only a rule that names it counts. */
static __always_inline bool dst_is_left_alone(const struct tproxy_config *cfg, const struct flow *f)
{
	if (dst_stays_local(f) || src_is_loopback(f) || dst_is_noted(f))
		return true;
	return f->family == AF_INET && !cfg->link_local &&
	       bpf_ntohl(f->tuple.ipv4.daddr) >> 16 == 0xa9fe;
}

/* A global function: the verifier walks it once. */
__noinline int has_listener(struct bpf_sock_addr *ctx, const struct flow *f, __u32 number)
{
	const struct tproxy_config *cfg = get_config();
	const struct tproxy_rule *rule;
	__u32 slot, live;

	if (!cfg || !f)
		return 0;
	live = live_slot(cfg);
	rule = live_lookup(&rules_gen, &live, &number);
	if (!rule)
		return 0;
	{
		struct bpf_sock *s __cleanup_sk = find_listener(ctx, rule, f, &slot);

		return s && listener_fits(s, f);
	}
}

static __always_inline enum own_verdict without_listener(const struct tproxy_rule *rule)
{
	if (rule->on_down == TPROXY_ON_DOWN_PASS) {
		count_call(TPROXY_COUNT_DOWN_PASS);
		return OWN_ALONE;
	}
	count_call(rule->on_down == TPROXY_ON_DOWN_RESET ? TPROXY_COUNT_DOWN_RESET :
							   TPROXY_COUNT_DOWN_DROP);
	return OWN_REFUSE;
}

/*
 * A rule of routing cannot catch a socket that is bound to a device, or a datagram that names one: the
 * kernel asks for a route over that device only. The caller asks for a listener.
 */
static __always_inline enum own_verdict act_own_proxy(struct bpf_sock_addr *ctx,
						      const struct tproxy_own *own)
{
	if (names_device(ctx)) {
		count_call(TPROXY_COUNT_OWN_DEVICE);
		return own->flags & TPROXY_OWN_DENY_BOUND ? OWN_DENY : OWN_ALONE;
	}
	return OWN_PROXY;
}

static __always_inline enum own_verdict act_own(struct bpf_sock_addr *ctx,
						const struct tproxy_own *own, const struct match *m)
{
	if (m->rule->action == TPROXY_ACTION_PROXY)
		return act_own_proxy(ctx, own);
	count_call_rule(m->number);
	switch (m->rule->action) {
	case TPROXY_ACTION_DROP:
		count_call(TPROXY_COUNT_RULE_DROP);
		return OWN_DENY;
	case TPROXY_ACTION_RESET:
		count_call(TPROXY_COUNT_RULE_RESET);
		return OWN_REFUSE;
	case TPROXY_ACTION_AUDIT:
		count_call(TPROXY_COUNT_RULE_AUDIT);
		return OWN_ALONE;
	default:
		count_call(TPROXY_COUNT_RULE_PASS);
		return OWN_ALONE;
	}
}

/* Cheap and selective conditions come first. ret_match: of OWN_PROXY. */
static __always_inline enum own_verdict decide_own(struct bpf_sock_addr *ctx,
						   const struct tproxy_own *own,
						   const struct flow *f, struct match *ret_match)
{
	const struct tproxy_config *cfg = get_config();
	tproxy_mask mask;
	__u32 slot;

	if (!cfg || !f->proto)
		return OWN_ALONE;
	if (dst_is_token(own, f))
		return OWN_DENY;
	slot = live_slot(cfg);
	mask = match_own_port(slot, f);
	if (!mask || dst_is_left_alone(cfg, f))
		return OWN_ALONE;
	mask &= match_prefixes(slot, f);
	if (mask)
		mask = match_current(slot, mask);
	if (!mask || (own->relay_mark && (ctx->sk->mark & ~own->mark) == own->relay_mark) ||
	    is_excluded())
		return OWN_ALONE;
	if (f->proto == IPPROTO_UDP && is_answer(f)) {
		count_call(TPROXY_COUNT_OWN_ANSWER);
		return OWN_ALONE;
	}
	*ret_match = first_rule(slot, mask);
	return ret_match->rule ? act_own(ctx, own, ret_match) : OWN_ALONE;
}

/*
 * A peer has sent to a socket that is not connected: its answers are none of our business. Only where
 * a rule might take them is that worth noting. f: to the peer. The source of an answer is not known yet.
 */
static __always_inline void receive_from(struct bpf_sock_addr *ctx, const struct flow *f)
{
	const struct tproxy_config *cfg = get_config();

	if (!cfg || f->proto != IPPROTO_UDP || !match_own_port(live_slot(cfg), f))
		return;
	if (dst_is_left_alone(cfg, f) || !has_arrived(bpf_get_socket_cookie(ctx), f) ||
	    is_excluded())
		return;
	note_peer(f);
}

/* Of this network namespace; the hooks run for all namespaces whose processes are in the cgroup. */
static __always_inline const struct tproxy_own *own_of(struct bpf_sock_addr *ctx)
{
	const struct tproxy_own *own = get_own();

	return own && own->netns && own->netns == bpf_get_netns_cookie(ctx) ? own : NULL;
}

#endif
