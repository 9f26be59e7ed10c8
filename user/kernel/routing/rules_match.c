/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does what fib_rule_match, fib4_rule_match, fib6_rule_match and fib_rules_lookup of the kernel do,
 * for packets that are only known in part.
 */
#include <linux/fib_rules.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/routing/rules.h"
#include "tproxy.h"

static enum rule_match some_if(bool selects)
{
	return selects ? RULE_SOME : RULE_ALL;
}

static enum rule_match all_if(bool fits)
{
	return fits ? RULE_ALL : RULE_NEVER;
}

static enum rule_match match_mark(const struct route_rule *rule, const struct rule_packet *packet)
{
	if ((rule->mark ^ packet->mark) & rule->mask & packet->mask)
		return RULE_NEVER;
	return some_if(rule->mask & ~packet->mask);
}

/* Since Linux 6.15 a rule that names a VRF matches the packets of its members. */
static enum rule_match match_iif(const struct route_rule *rule, const struct rule_packet *packet)
{
	return all_if(!*rule->iif || !strcmp(rule->iif, packet->iif) ||
		      (packet->vrf && !strcmp(rule->iif, packet->vrf)));
}

/*
 * ICMP errors of flows that a socket here has are marked as well. For IPv6 some kernels take the
 * next header for the protocol, also if it is an extension header or a fragment.
 */
static enum rule_match match_protocol(const struct route_rule *rule,
				      const struct rule_packet *packet)
{
	static const __u8 marked4[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP };
	static const __u8 marked6[] = { IPPROTO_TCP,      IPPROTO_UDP,     IPPROTO_ICMPV6,
					IPPROTO_FRAGMENT, IPPROTO_ROUTING, IPPROTO_DSTOPTS };
	const __u8 *marked = packet->family == AF_INET ? marked4 : marked6;
	size_t n = packet->family == AF_INET ? sizeof(marked4) : sizeof(marked6);

	if (!rule->ipproto)
		return RULE_ALL;
	return memchr(marked, rule->ipproto, n) ? RULE_SOME : RULE_NEVER;
}

/* The kernel routes packets that come in as user 0 (ip_route_input_slow, ip6_route_input). */
static enum rule_match match_user(const struct route_rule *rule, const struct rule_packet *packet)
{
	if (packet->own)
		return some_if(rule->uid.set);
	return all_if(!rule->uid.set || !rule->uid.start);
}

enum rule_match rule_matches(const struct route_rule *rule, const struct rule_packet *packet)
{
	const enum rule_match each[] = {
		match_mark(rule, packet),
		match_iif(rule, packet),
		match_protocol(rule, packet),
		match_user(rule, packet),
		all_if(!*rule->oif), /* incoming packets have none yet */
		all_if(!rule->l3mdev || packet->vrf),
		some_if(rule->from.len || rule->to.len),
		some_if(rule->sport.set || rule->dport.set),
		some_if(rule->tos || rule->tun_id || rule->unknown),
	};
	enum rule_match match = RULE_ALL;

	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		if (each[i] < match)
			match = each[i];
	if (rule->invert)
		match = RULE_ALL - match;
	return match;
}

bool rule_is_tproxys(const struct route_rule *rule)
{
	bool one_bit = rule->mark && !(rule->mark & (rule->mark - 1)) && rule->mask == rule->mark;
	bool plain = !rule->invert && !rule->unknown && !rule->from.len && !rule->to.len &&
		     !rule->ipproto && !*rule->oif;

	if (rule->action != FR_ACT_TO_TBL || !one_bit || !plain || !*rule->iif)
		return false;
	return rule->protocol == TPROXY_RT_PROTOCOL ||
	       (rule->protocol == TPROXY_RT_PROTOCOL_OLD && rule->pref == TPROXY_RULE_PREF);
}

/* A rule of another state has another mark, and delivers here as well. */
static bool delivers_here(const struct route_rule *rule, const struct rule_packet *packet)
{
	return rule->table == RT_TABLE_LOCAL || rule->table == packet->table ||
	       rule_is_tproxys(rule);
}

enum rule_match rule_decides(const struct route_rule *rule, const struct rule_packet *packet,
			     __u32 pref)
{
	enum rule_match match = rule_matches(rule, packet);

	if (rule->action == FR_ACT_NOP)
		return RULE_NEVER;
	if (rule->action == FR_ACT_GOTO && (rule->unresolved || rule->target <= pref))
		return RULE_NEVER;
	if (rule->action != FR_ACT_TO_TBL)
		return match;
	if (delivers_here(rule, packet))
		return RULE_NEVER;
	/* It ignores some of the routes that it finds. */
	if (match == RULE_ALL && (rule->suppress_len >= 0 || rule->suppress_group >= 0))
		return RULE_SOME;
	return match;
}

const struct route_rule *rules_worst_before(const struct rule_list *list, size_t ours,
					    const struct rule_packet *packet,
					    enum rule_match *ret_match)
{
	const struct route_rule *worst = NULL;
	enum rule_match most = RULE_NEVER;

	for (size_t i = 0; i < ours && i < list->n; i++) {
		enum rule_match match = rule_decides(&list->items[i], packet,
						     ours < list->n ? list->items[ours].pref : 0);

		if (match <= most)
			continue;
		most = match;
		worst = &list->items[i];
	}
	*ret_match = most;
	return worst;
}

/* The first rule at or before this preference that decides. */
static const struct route_rule *first_up_to(const struct rule_list *list,
					    const struct rule_packet *packet, __u32 pref)
{
	for (size_t i = 0; i < list->n && list->items[i].pref <= pref; i++)
		if (rule_decides(&list->items[i], packet, pref) != RULE_NEVER)
			return &list->items[i];
	return NULL;
}

__u32 rules_place(const struct rule_list *list, const struct rule_packet *packet, __u32 wanted)
{
	const struct route_rule *first;

	/* Again for each smaller preference: a goto may jump over the rule that decides. */
	while (wanted && (first = first_up_to(list, packet, wanted)))
		wanted = first->pref ? first->pref - 1 : 0;
	return wanted;
}
