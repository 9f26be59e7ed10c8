/* SPDX-License-Identifier: BSD-2-Clause */
/* A rule of iptables as a match and a target, as far as a rule of ours can express it. */
#ifndef TPROXY_POLICY_IMPORT_IPT_RULE_H
#define TPROXY_POLICY_IMPORT_IPT_RULE_H

#include "policy/policy.h"

#define IPT_NAME_LEN 64

enum ipt_target {
	IPT_NOTHING, /* no target, MARK, LOG …: the next rule follows */
	IPT_TPROXY,
	IPT_ACCEPT,
	IPT_RETURN,
	IPT_DROP,
	IPT_JUMP,
	IPT_UNKNOWN, /* may decide, in a way that no rule of ours can */
};

struct ipt_match {
	__u8 proto; /* 0: any */
	bool has_to, has_from, has_ports;
	struct prefix_set to, from; /* owned */
	struct service_set ports;   /* owned; proto 0 */
	struct name_set interfaces; /* owned */
	/* The data path handles these by itself, whatever the rules say. */
	bool socket, established, local, other_proto;
};

struct ipt_rule {
	char chain[IPT_NAME_LEN];
	char target_name[IPT_NAME_LEN];
	char comment[IPT_NAME_LEN];
	enum ipt_target target;
	struct ipt_match match;
	struct endpoint proxy; /* TPROXY */
	char why[128];         /* why a rule of ours cannot express it; empty: it can */
};

void ipt_rule_free(struct ipt_rule *rule);
void ipt_match_free(struct ipt_match *match);

/*
 * What both match: a jump, and a rule in the chain that it jumps to. 0 or -ENOMEM; -ENOTSUP if a
 * rule of ours cannot express it, *ret_why then says why.
 */
int ipt_match_and(const struct ipt_match *a, const struct ipt_match *b, struct ipt_match *ret_both,
		  const char **ret_why);

#endif
