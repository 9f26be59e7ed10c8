/* SPDX-License-Identifier: BSD-2-Clause */
/* One line of iptables-save as a rule. No I/O, no chains. */
#ifndef TPROXY_POLICY_IMPORT_IPT_IPT_PARSE_H
#define TPROXY_POLICY_IMPORT_IPT_IPT_PARSE_H

#include "policy/import/ipt/ipset.h"
#include "policy/import/ipt/ipt_rule.h"

/*
 * line: from "-A" on; it is changed. family: AF_INET or AF_INET6. 0, -EINVAL if it is no rule, or
 * -ENOMEM.
 */
int ipt_parse(char *line, __u8 family, const struct ipsets *sets, struct ipt_rule *ret_rule);

#endif
