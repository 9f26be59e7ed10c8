/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routing rules of the kernel, with every attribute that decides which packets they match:
 * reading them (rules.c), the decision whether one takes a packet that carries our mark before
 * our rule does (rules_match.c, pure), and their text (rules_text.c). Changes nothing.
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
	bool unresolved; /* a goto whose target is not there */
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

/* In the order in which the kernel asks them. */
struct rule_list {
	struct route_rule *items; /* owned */
	size_t n, room;
};

int rules_read(struct nl *nl, __u8 family, struct rule_list *ret_list);
void rules_free(struct rule_list *list);
#define __cleanup_rules __attribute__((cleanup(rules_free)))

/*
 * Is it one of a state of tproxy, whichever? With the protocol number of older builds only where
 * it is just what these made.
 */
bool rule_is_tproxys(const struct route_rule *rule);

/* What of a message of the kernel makes up a rule. */
void rule_parse(const struct nlmsghdr *msg, struct route_rule *ret_rule);

/* ---- which packets a rule matches ------------------------------------------ */

/*
 * Packets that the program has marked: they come in by one device, and have our bits. Their
 * other bits, addresses, ports, protocol (TCP, UDP, ICMP) and TOS are not known.
 */
struct rule_packet {
	__u8 family;
	__u32 mark, mask, table;
	const char *iif; /* the device that rules meet: the VRF, for IPv6 from a member */
	const char *vrf; /* the VRF it is in, or NULL */
};

enum rule_match { RULE_NEVER, RULE_SOME, RULE_ALL };

/* Which of these packets its selectors match. */
enum rule_match rule_matches(const struct route_rule *rule, const struct rule_packet *packet);

/* For which of them it decides something else than ours, which is at `pref`, after it. */
enum rule_match rule_decides(const struct route_rule *rule, const struct rule_packet *packet,
			     __u32 pref);

/*
 * The worst of those that come before item number `ours`, the first of its kind, or NULL.
 * *ret_match: which packets it takes.
 */
const struct route_rule *rules_worst_before(const struct rule_list *list, size_t ours,
					    const struct rule_packet *packet,
					    enum rule_match *ret_match);

/*
 * The preference of a rule that is to be before all that decide, but not above `wanted`. 0 only
 * where nothing else is left: the kernel then gives rules that come without a preference 0 as
 * well, each after the one before, and no longer each before it.
 */
__u32 rules_place(const struct rule_list *list, const struct rule_packet *packet, __u32 wanted);

/* ---- text ------------------------------------------------------------------- */

#define RULE_TEXT_LEN 256
/* As `ip rule` prints it, tables by number but for local, main and default. Returns buf. */
char *rule_text(const struct route_rule *rule, char *buf);

#endif
