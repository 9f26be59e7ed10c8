/* SPDX-License-Identifier: BSD-2-Clause */
/* What a rule of nf_tables does. */
#include "kernel/netfilter/nft/rule.h"

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "kernel/netfilter/xt/xt.h"
#include "lib/util.h"

#define TCPOPT_MSS 2 /* RFC 9293 3.2 */

static __u32 get(const struct nftnl_expr *expr, __u16 attr)
{
	return nftnl_expr_is_set(expr, attr) ? nftnl_expr_get_u32(expr, attr) : 0;
}

/* ---- verdicts ----------------------------------------------------------- */

void nft_verdict(struct nft_reading *r, struct fw_rule *rule, int verdict, const char *chain)
{
	switch (verdict) {
	case NF_ACCEPT:
		rule->verdict = FW_ACCEPT;
		break;
	case NF_DROP:
		rule->verdict = FW_DROP;
		break;
	case NFT_RETURN:
		rule->verdict = FW_RETURN;
		break;
	case NFT_JUMP:
	case NFT_GOTO:
		rule->verdict = verdict == NFT_JUMP ? FW_JUMP : FW_GOTO;
		if (chain)
			rule->target = build_find_chain(r->fw, r->family, r->table, chain);
		break;
	case NFT_CONTINUE:
	case NFT_BREAK:
		break;
	default:
		rule->verdict = FW_QUEUE;
	}
}

static void read_immediate(struct nft_reading *r, const struct nftnl_expr *expr)
{
	__u32 len = 0;
	const void *data;

	if (nftnl_expr_is_set(expr, NFTNL_EXPR_IMM_VERDICT)) {
		nft_verdict(r, &r->rule, (int)get(expr, NFTNL_EXPR_IMM_VERDICT),
			    nftnl_expr_is_set(expr, NFTNL_EXPR_IMM_CHAIN) ?
				    nftnl_expr_get_str(expr, NFTNL_EXPR_IMM_CHAIN) :
				    NULL);
		return;
	}
	data = nftnl_expr_get(expr, NFTNL_EXPR_IMM_DATA, &len);
	if (data)
		value_constant(values_reg(&r->values, get(expr, NFTNL_EXPR_IMM_DREG)), data, len);
}

/* ---- marks -------------------------------------------------------------- */

static void set_meta(struct nft_reading *r, const struct nftnl_expr *expr)
{
	if (get(expr, NFTNL_EXPR_META_KEY) != NFT_META_MARK)
		return;
	r->rule.effects |= FW_SETS_MARK;
	value_write(values_reg(&r->values, get(expr, NFTNL_EXPR_META_SREG)), &r->rule.mark);
}

static void set_ct(struct nft_reading *r, const struct nftnl_expr *expr)
{
	if (get(expr, NFTNL_EXPR_CT_KEY) != NFT_CT_MARK)
		return;
	r->rule.effects |= FW_SETS_CTMARK;
	value_write(values_reg(&r->values, get(expr, NFTNL_EXPR_CT_SREG)), &r->rule.ctmark);
}

/* ---- the rest ----------------------------------------------------------- */

static void read_nat(struct nft_reading *r, const struct nftnl_expr *expr)
{
	r->rule.effects |= get(expr, NFTNL_EXPR_NAT_TYPE) == NFT_NAT_DNAT ? FW_DNAT : FW_SNAT;
	r->rule.verdict = FW_ACCEPT;
}

static void read_masq(struct nft_reading *r, const struct nftnl_expr *expr)
{
	r->rule.effects |= FW_SNAT;
	r->rule.verdict = FW_ACCEPT;
}

static void read_redir(struct nft_reading *r, const struct nftnl_expr *expr)
{
	r->rule.effects |= FW_DNAT | FW_REDIRECT;
	r->rule.verdict = FW_ACCEPT;
}

/* The rule stops there if nothing listens (nft_tproxy_eval_v4). */
static void read_tproxy(struct nft_reading *r, const struct nftnl_expr *expr)
{
	r->rule.effects |= FW_TPROXY;
	r->rule.unread = true;
}

static void read_reject(struct nft_reading *r, const struct nftnl_expr *expr)
{
	r->rule.verdict = FW_REJECT;
}

static void read_queue(struct nft_reading *r, const struct nftnl_expr *expr)
{
	r->rule.verdict = FW_QUEUE;
}

static void read_notrack(struct nft_reading *r, const struct nftnl_expr *expr)
{
	r->rule.effects |= FW_NOTRACK;
}

static void read_offload(struct nft_reading *r, const struct nftnl_expr *expr)
{
	r->rule.effects |= FW_OFFLOAD;
}

static void load_rt(struct nft_reading *r, const struct nftnl_expr *expr)
{
	struct value *to = values_reg(&r->values, get(expr, NFTNL_EXPR_RT_DREG));

	*to = (struct value){ .kind = VALUE_UNKNOWN };
	if (get(expr, NFTNL_EXPR_RT_KEY) == NFT_RT_TCPMSS)
		to->kind = VALUE_ROUTE_MTU;
}

static void read_exthdr(struct nft_reading *r, const struct nftnl_expr *expr)
{
	struct value *v;
	__be16 mss = 0;

	if (nftnl_expr_is_set(expr, NFTNL_EXPR_EXTHDR_DREG)) {
		v = values_reg(&r->values, get(expr, NFTNL_EXPR_EXTHDR_DREG));
		*v = (struct value){ .kind = VALUE_UNKNOWN };
		return;
	}
	if (get(expr, NFTNL_EXPR_EXTHDR_OP) != NFT_EXTHDR_OP_TCPOPT ||
	    nftnl_expr_get_u8(expr, NFTNL_EXPR_EXTHDR_TYPE) != TCPOPT_MSS)
		return;
	v = values_reg(&r->values, get(expr, NFTNL_EXPR_EXTHDR_SREG));
	if (v->kind == VALUE_CONSTANT)
		memcpy(&mss, v->xor, sizeof(mss));
	r->rule.effects |= FW_MSS;
	r->rule.mss = ntohs(mss);
}

static void read_xt_target(struct nft_reading *r, const struct nftnl_expr *expr)
{
	__u32 len = 0;
	const void *info = nftnl_expr_get(expr, NFTNL_EXPR_TG_INFO, &len);
	const struct xt_part part = {
		.name = nftnl_expr_get_str(expr, NFTNL_EXPR_TG_NAME),
		.revision = get(expr, NFTNL_EXPR_TG_REV),
		.info = info,
		.len = info ? len : 0,
	};

	xt_target_read(&r->rule, &part);
}

/* Counters and helpers change nothing; quotas, limits and synproxy do. */
static void read_objref(struct nft_reading *r, const struct nftnl_expr *expr)
{
	const __u32 type = get(expr, NFTNL_EXPR_OBJREF_IMM_TYPE);

	if (type != NFT_OBJECT_COUNTER && type != NFT_OBJECT_CT_HELPER)
		r->rule.unread = true;
}

static void read_nothing(struct nft_reading *r, const struct nftnl_expr *expr)
{
}

static const struct {
	const char *name;
	void (*read)(struct nft_reading *r, const struct nftnl_expr *expr);
} readers[] = {
	{ "immediate", read_immediate },
	{ "meta", set_meta },
	{ "ct", set_ct },
	{ "nat", read_nat },
	{ "masq", read_masq },
	{ "redir", read_redir },
	{ "tproxy", read_tproxy },
	{ "reject", read_reject },
	{ "queue", read_queue },
	{ "notrack", read_notrack },
	{ "flow_offload", read_offload },
	{ "rt", load_rt },
	{ "exthdr", read_exthdr },
	{ "target", read_xt_target },
	{ "objref", read_objref },
	{ "counter", read_nothing },
	{ "log", read_nothing },
	{ "last", read_nothing },
	{ "payload", read_nothing }, /* that changes the packet */
	{ "dup", read_nothing },
};

bool nft_effect_read(struct nft_reading *r, const char *name, const struct nftnl_expr *expr)
{
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		if (strcmp(name, readers[i].name))
			continue;
		readers[i].read(r, expr);
		return true;
	}
	return false;
}
