/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The matches and targets of iptables, which the older iptables and nf_tables have in the same
 * form. match.c reads what they ask, target.c what they do.
 */
#ifndef TPROXY_KERNEL_NETFILTER_XT_XT_H
#define TPROXY_KERNEL_NETFILTER_XT_XT_H

#include "kernel/netfilter/build.h"

struct xt_part {
	const char *name; /* "multiport"; may be NULL */
	__u32 revision;
	const void *info; /* len bytes, not aligned */
	size_t len;
};

/* The rule counts as unread where the match is unknown. */
void xt_match_read(struct firewall *fw, struct fw_rule *rule, const struct xt_part *part);
void xt_target_read(struct fw_rule *rule, const struct xt_part *part);

#endif
