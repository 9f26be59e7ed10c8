/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routing rules of the kernel, with all attributes that decide which packets they match. Reads
 * them (rules.c), decides whether one takes packets with our mark before our rule does
 * (rules_match.c, pure), and prints them (rules_text.c). Changes nothing.
 */
#ifndef TPROXY_KERNEL_ROUTING_RULES_H
#define TPROXY_KERNEL_ROUTING_RULES_H

#include <linux/types.h>
#include <net/if.h>
#include <stdbool.h>

#include "lib/netlink.h"

struct rule_prefix {
	__u8 len; /* 0: every address */
	__u8 addr[16];
};

struct rule_range {
	bool set;
	__u32 start, end;
};

struct route_rule {
	__u8 family, protocol;
	__u8 action;     /* FR_ACT_* */
	bool invert;     /* "not" */
	bool unresolved; /* a goto without a target */
	bool unknown;    /* it has attributes that this build does not know */
	bool l3mdev;
	__u8 tos, ipproto; /* 0: any */
	__u32 pref, mark, mask, table;
	__u32 target;     /* of a goto */
	int suppress_len; /* suppress_prefixlength, suppress_ifgroup; -1: not given */
	int suppress_group;
	char iif[IF_NAMESIZE], oif[IF_NAMESIZE];
	struct rule_prefix from, to;
	struct rule_range uid, sport, dport;
	__u64 tun_id; /* 0: any */
};

/* In the order in which the kernel evaluates them. */
struct rule_list {
	struct route_rule *items; /* owned */
	size_t n, room;
};

int rules_read(struct nl *nl, __u8 family, struct rule_list *ret_list);
void rules_free(struct rule_list *list);
#define __cleanup_rules __attribute__((cleanup(rules_free)))

/*
 * Is it a rule of any tproxy state? With the protocol number of older builds only if it looks
 * exactly like what these made.
 */
bool rule_is_tproxys(const struct route_rule *rule);

/* Parses a message of the kernel. */
void rule_parse(const struct nlmsghdr *msg, struct route_rule *ret_rule);

/* ---- which packets a rule matches --------------------------------------- */

/*
 * The packets that our program marks on one device, or that this host sends itself (iif "lo"). They have our bits; the other bits of the
 * mark, addresses, ports, protocol (TCP, UDP, ICMP) and TOS are unknown.
 */
struct rule_packet {
	__u8 family;
	__u32 mark, mask, table;
	const char *iif; /* as rules see it: the VRF for IPv6 from a member, else the device */
	const char *vrf; /* of which the device is a member, or NULL */
	bool own;        /* this host sends them, as any user */
};

/* Ordered: a later one takes more. */
enum rule_match { RULE_NEVER, RULE_SOME, RULE_ALL };

/* How many of these packets its selectors match. */
enum rule_match rule_matches(const struct route_rule *rule, const struct rule_packet *packet);

/* For how many of them it decides otherwise than our rule, which comes later, at `pref`. */
enum rule_match rule_decides(const struct route_rule *rule, const struct rule_packet *packet,
			     __u32 pref);

/*
 * Of the rules before item number `ours`, the first that takes the most packets, or NULL if none
 * takes any. *ret_match: how many.
 */
const struct route_rule *rules_worst_before(const struct rule_list *list, size_t ours,
					    const struct rule_packet *packet,
					    enum rule_match *ret_match);

/*
 * The highest preference up to `wanted` that is before all rules that decide. 0 only if nothing
 * else is left: with a rule at 0, the kernel also adds rules without a preference at 0, each after
 * the previous one and no longer before it.
 */
__u32 rules_place(const struct rule_list *list, const struct rule_packet *packet, __u32 wanted);

/* ---- text --------------------------------------------------------------- */

#define RULE_TEXT_LEN 256
/* As `ip rule` prints it; only the tables local, main and default by name. Returns buf. */
char *rule_text(const struct route_rule *rule, char *buf);

#endif
