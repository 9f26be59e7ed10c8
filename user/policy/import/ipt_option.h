/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of iptables rules: those that a rule of ours can express become part of the match or
 * the target, the others are named as the reason why the rule cannot be imported.
 */
#ifndef TPROXY_POLICY_IMPORT_IPT_OPTION_H
#define TPROXY_POLICY_IMPORT_IPT_OPTION_H

#include "lib/util.h"
#include "policy/import/ipt_rule.h"

/* The words of a line, and how far they are read. */
struct ipt_parse {
	char **words;
	int n, at;
	__u8 family;
	bool invert; /* after "!" */
	struct ipt_rule *rule;
	int err; /* -ENOMEM */
};

/* Takes the option at `at`, with its values. */
void ipt_option_take(struct ipt_parse *p);

/* The rule cannot be expressed; the first reason is kept. */
void ipt_refuse(struct ipt_parse *p, const char *fmt, ...) __printf(2, 3);

#endif
