/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/nft/rule.h"

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <sys/socket.h>

#include "lib/util.h"

static void free_rule(struct nftnl_rule **rule)
{
	if (*rule)
		nftnl_rule_free(*rule);
}
#define __cleanup_rule __attribute__((cleanup(free_rule)))

/* Of an unknown kind, such as a limit: the rule may stop there. It may load any register. */
static int read_expr(struct nftnl_expr *expr, void *arg)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
	struct nft_reading *r = arg;

	if (r->done || nft_match_read(r, name, expr) || nft_effect_read(r, name, expr))
		return 0;
	r->rule.unread = true;
	r->values = (struct values){ 0 };
	return 0;
}

static __u8 layer3_of(__u8 family)
{
	return family == NFPROTO_IPV4 ? AF_INET : family == NFPROTO_IPV6 ? AF_INET6 : 0;
}

static __u32 number_after(const struct firewall *fw, __u32 chain)
{
	const __u32 last = fw->chains[chain].last;

	return last == FW_NONE ? 1 : fw->rules[last].number + 1;
}

/* With an expression of a newer kernel: it may do anything. */
static void make_unread(struct fw_rule *rule)
{
	rule->unread = true;
	rule->verdict = FW_QUEUE;
}

static int take(struct firewall *fw, const struct nft_sets *sets, struct nftnl_rule *rule,
		bool parsed)
{
	char table[FW_NAME_LEN];
	struct nft_reading r = { .fw = fw, .sets = sets, .table = table };
	__u32 chain;

	r.family = (__u8)nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY);
	build_name(table, sizeof(table), nftnl_rule_get_str(rule, NFTNL_RULE_TABLE));
	chain = build_find_chain(fw, r.family, table, nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
	if (chain == FW_NONE)
		return 0;
	r.layer3 = layer3_of(r.family);
	build_begin(fw, &r.rule, chain);
	r.rule.handle = nftnl_rule_get_u64(rule, NFTNL_RULE_HANDLE);
	r.rule.number = number_after(fw, chain);
	if (parsed)
		nftnl_expr_foreach(rule, read_expr, &r);
	else
		make_unread(&r.rule);
	if (!r.done)
		build_rule(fw, &r.rule);
	return 0;
}

int nft_rule_take(struct firewall *fw, const struct nft_sets *sets, const struct nlmsghdr *msg)
{
	struct nftnl_rule *rule __cleanup_rule = nftnl_rule_alloc();
	bool parsed;

	if (!rule)
		return -ENOMEM;
	parsed = nftnl_rule_nlmsg_parse(msg, rule) >= 0;
	if (!nftnl_rule_is_set(rule, NFTNL_RULE_TABLE) ||
	    !nftnl_rule_is_set(rule, NFTNL_RULE_CHAIN)) {
		fw->incomplete = true;
		return 0;
	}
	return take(fw, sets, rule, parsed);
}
