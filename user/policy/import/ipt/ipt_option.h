/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of iptables rules: those with a counterpart become part of the rule, the others are
 * named as the reason why it cannot be translated. ipt_option.c has the table of all of them,
 * ipt_match.c and ipt_target.c what they do.
 */
#ifndef TPROXY_POLICY_IMPORT_IPT_IPT_OPTION_H
#define TPROXY_POLICY_IMPORT_IPT_IPT_OPTION_H

#include "lib/util.h"
#include "policy/import/ipt/ipset.h"
#include "policy/import/ipt/ipt_rule.h"

/* The words of a line, and how far they are read. */
struct ipt_parse {
	char **words;
	int n, at;
	__u8 family;
	bool invert; /* after "!" */
	struct ipt_rule *rule;
	const struct ipsets *sets;
	bool has_from, has_to, has_ports, has_connmark; /* -m connmark was last */
	int err;                                        /* -ENOMEM */
};

/* Takes the option at `at`, with its values. */
void ipt_option_take(struct ipt_parse *p);

/* The rule cannot be expressed; the first reason is kept. */
void ipt_refuse(struct ipt_parse *p, const char *fmt, ...) __printf(2, 3);
/* The word after the option; "" if there is none, which refuses the rule. */
const char *ipt_value(struct ipt_parse *p);
/* "0x1/0xff", hexadecimal or decimal; without a mask all bits. */
void ipt_mark(struct ipt_parse *p, const char *text, __u32 *ret_value, __u32 *ret_mask);

/* ---- options ------------------------------------------------------------ */

struct ipt_option {
	const char *name;
	void (*take)(struct ipt_parse *p);
};

extern const struct ipt_option ipt_match_options[]; /* each ends with a NULL name */
extern const struct ipt_option ipt_target_options[];
extern const struct ipt_option ipt_flow_options[]; /* addresses, protocols, ports */

#endif
