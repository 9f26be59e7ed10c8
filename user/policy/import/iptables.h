/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line of iptables-save as a match and a target; knows the options that say what
 * a rule of ours can say, and names those that do not. No I/O, no chains.
 */
#ifndef TPROXY_POLICY_IMPORT_IPTABLES_H
#define TPROXY_POLICY_IMPORT_IPTABLES_H

#include "policy/policy.h"

#define IPT_NAME_LEN 64

enum ipt_target {
	IPT_NOTHING, /* goes on with the next rule: no target, MARK, LOG … */
	IPT_TPROXY,
	IPT_ACCEPT,
	IPT_RETURN,
	IPT_DROP,
	IPT_JUMP,
	IPT_UNKNOWN, /* may decide, in a way that is not ours */
};

struct ipt_match {
	__u8 proto; /* 0: any */
	bool has_to, has_from, has_ports;
	struct prefix_set to, from; /* owned */
	struct service_set ports;   /* owned; proto 0 */
	struct name_set interfaces; /* owned */
	/* What the data path does by itself, whatever the rules say. */
	bool socket, established, local, other_proto;
};

struct ipt_rule {
	char chain[IPT_NAME_LEN];
	char target_name[IPT_NAME_LEN];
	char comment[IPT_NAME_LEN];
	enum ipt_target target;
	struct ipt_match match;
	struct endpoint proxy; /* TPROXY */
	char why[128];         /* not empty: cannot be said as a rule of ours */
};

/* line: from "-A" on, changed. family: AF_INET or AF_INET6. 0, -EINVAL (no rule), -ENOMEM. */
int ipt_parse(char *line, __u8 family, struct ipt_rule *ret_rule);
void ipt_free(struct ipt_rule *rule);
void ipt_match_free(struct ipt_match *match);

/* What both match; why: set when that cannot be said. 0 or -ENOMEM, -ENOTSUP. */
int ipt_match_and(const struct ipt_match *a, const struct ipt_match *b, struct ipt_match *ret_both,
		  const char **ret_why);

#endif
