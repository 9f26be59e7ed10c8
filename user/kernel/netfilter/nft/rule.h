/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rule of nf_tables, as the kernel lists it, becomes a rule of the model, or several: one for each
 * element of a verdict map. match.c reads what a rule asks, effect.c what it does.
 */
#ifndef TPROXY_KERNEL_NETFILTER_NFT_RULE_H
#define TPROXY_KERNEL_NETFILTER_NFT_RULE_H

#include "kernel/netfilter/nft/set.h"
#include "kernel/netfilter/nft/value.h"

struct nftnl_expr;

/* A rule that is being read. */
struct nft_reading {
	struct firewall *fw;
	const struct nft_sets *sets;
	const char *table;
	__u8 family; /* of the table, NFPROTO_* */
	__u8 layer3; /* AF_INET, AF_INET6, or 0: the rule has not asked yet */
	struct values values;
	struct fw_rule rule;
	bool done; /* its verdicts are in the model already */
};

/* Takes a rule from a message. 0 or -errno. */
int nft_rule_take(struct firewall *fw, const struct nft_sets *sets, const struct nlmsghdr *msg);

/* Each reads one expression, and returns false if it is of another kind. */
bool nft_match_read(struct nft_reading *r, const char *name, const struct nftnl_expr *expr);
bool nft_effect_read(struct nft_reading *r, const char *name, const struct nftnl_expr *expr);

/* Applies a verdict of nf_tables; the chain is of a jump or goto, or NULL. */
void nft_verdict(struct nft_reading *r, struct fw_rule *rule, int verdict, const char *chain);

#endif
