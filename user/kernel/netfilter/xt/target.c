/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/netfilter.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_TCPMSS.h>
#include <linux/netfilter/xt_TPROXY.h>
#include <string.h>

#include "kernel/netfilter/xt/xt.h"
#include "lib/util.h"

/* ---- marks -------------------------------------------------------------- */

/* mark = (mark & ~mask) ^ value, for --set-mark, --or-mark, --xor-mark and the others. */
static void read_mark(struct fw_rule *rule, const struct xt_part *part)
{
	struct xt_mark_tginfo2 info;

	memcpy(&info, part->info, sizeof(info));
	rule->effects |= FW_SETS_MARK;
	rule->mark =
		(struct fw_write){ .source = FW_FROM_MARK, .and = ~info.mask, .xor = info.mark };
}

static void write_connmark(struct fw_rule *rule, const struct xt_connmark_tginfo1 *info,
			   bool shifted)
{
	const enum fw_source from_ct = shifted ? FW_FROM_UNKNOWN : FW_FROM_CTMARK;
	const enum fw_source from_packet = shifted ? FW_FROM_UNKNOWN : FW_FROM_MARK;

	if (info->mode == XT_CONNMARK_RESTORE) {
		rule->effects |= FW_SETS_MARK;
		rule->mark = (struct fw_write){ .source = from_ct,
						.keep = ~info->nfmask,
						.and = info->ctmask };
		return;
	}
	rule->effects |= FW_SETS_CTMARK;
	if (info->mode == XT_CONNMARK_SAVE)
		rule->ctmark = (struct fw_write){ .source = from_packet,
						  .keep = ~info->ctmask,
						  .and = info->nfmask };
	else
		rule->ctmark = (struct fw_write){ .source = from_ct,
						  .and = ~info->ctmask,
						  .xor = info->ctmark };
}

static void read_connmark(struct fw_rule *rule, const struct xt_part *part)
{
	struct xt_connmark_tginfo1 info;

	memcpy(&info, part->info, sizeof(info));
	write_connmark(rule, &info, false);
}

/* Revision 2 can shift. */
static void read_connmark2(struct fw_rule *rule, const struct xt_part *part)
{
	struct xt_connmark_tginfo2 info;
	struct xt_connmark_tginfo1 plain;

	memcpy(&info, part->info, sizeof(info));
	plain = (struct xt_connmark_tginfo1){ info.ctmark, info.ctmask, info.nfmask, info.mode };
	write_connmark(rule, &plain, info.shift_bits);
}

static void read_hmark(struct fw_rule *rule, const struct xt_part *part)
{
	rule->effects |= FW_SETS_MARK;
	rule->mark = (struct fw_write){ .source = FW_FROM_UNKNOWN };
}

/* ---- where packets go --------------------------------------------------- */

static void read_dnat(struct fw_rule *rule, const struct xt_part *part)
{
	rule->effects |= FW_DNAT;
	rule->verdict = FW_ACCEPT;
}

static void read_redirect(struct fw_rule *rule, const struct xt_part *part)
{
	rule->effects |= FW_DNAT | FW_REDIRECT;
	rule->verdict = FW_ACCEPT;
}

static void read_snat(struct fw_rule *rule, const struct xt_part *part)
{
	rule->effects |= FW_SNAT;
	rule->verdict = FW_ACCEPT;
}

static void read_tproxy(struct fw_rule *rule, const struct xt_part *part)
{
	__u32 mask, value;

	memcpy(&mask, part->info, sizeof(mask)); /* the first fields of each revision */
	memcpy(&value, (const char *)part->info + sizeof(mask), sizeof(value));
	rule->effects |= FW_TPROXY | FW_SETS_MARK;
	rule->mark = (struct fw_write){ .source = FW_FROM_MARK, .and = ~mask, .xor = value };
	rule->verdict = FW_ACCEPT;
}

static void read_reject(struct fw_rule *rule, const struct xt_part *part)
{
	rule->verdict = FW_REJECT;
}

static void read_queue(struct fw_rule *rule, const struct xt_part *part)
{
	rule->verdict = FW_QUEUE;
}

/* ---- others ------------------------------------------------------------- */

static void read_ct(struct fw_rule *rule, const struct xt_part *part)
{
	__u16 flags;

	memcpy(&flags, part->info, sizeof(flags)); /* the first field of each revision */
	if (flags & XT_CT_NOTRACK)
		rule->effects |= FW_NOTRACK;
}

static void read_notrack(struct fw_rule *rule, const struct xt_part *part)
{
	rule->effects |= FW_NOTRACK;
}

static void read_tcpmss(struct fw_rule *rule, const struct xt_part *part)
{
	struct xt_tcpmss_info info;

	memcpy(&info, part->info, sizeof(info));
	rule->effects |= FW_MSS;
	rule->mss = info.mss == XT_TCPMSS_CLAMP_PMTU ? 0 : info.mss;
}

static void read_offload(struct fw_rule *rule, const struct xt_part *part)
{
	rule->effects |= FW_OFFLOAD;
}

static void read_nothing(struct fw_rule *rule, const struct xt_part *part)
{
}

#define ANY ~0u

static const struct {
	const char *name;
	__u32 first, last; /* revisions */
	size_t size;       /* of what is read */
	void (*read)(struct fw_rule *rule, const struct xt_part *part);
} readers[] = {
	{ "MARK", 2, 2, sizeof(struct xt_mark_tginfo2), read_mark },
	{ "CONNMARK", 1, 1, sizeof(struct xt_connmark_tginfo1), read_connmark },
	{ "CONNMARK", 2, 2, sizeof(struct xt_connmark_tginfo2), read_connmark2 },
	{ "HMARK", 0, ANY, 0, read_hmark },
	{ "DNAT", 0, ANY, 0, read_dnat },
	{ "NETMAP", 0, ANY, 0, read_dnat },
	{ "REDIRECT", 0, ANY, 0, read_redirect },
	{ "SNAT", 0, ANY, 0, read_snat },
	{ "MASQUERADE", 0, ANY, 0, read_snat },
	{ "TPROXY", 0, 1, 2 * sizeof(__u32), read_tproxy },
	{ "REJECT", 0, ANY, 0, read_reject },
	{ "NFQUEUE", 0, ANY, 0, read_queue },
	{ "SYNPROXY", 0, ANY, 0, read_queue },
	{ "CT", 0, ANY, sizeof(__u16), read_ct },
	{ "NOTRACK", 0, ANY, 0, read_notrack },
	{ "TCPMSS", 0, ANY, sizeof(struct xt_tcpmss_info), read_tcpmss },
	{ "FLOWOFFLOAD", 0, ANY, 0, read_offload },
	{ "AUDIT", 0, ANY, 0, read_nothing },
	{ "CHECKSUM", 0, ANY, 0, read_nothing },
	{ "CLASSIFY", 0, ANY, 0, read_nothing },
	{ "CONNSECMARK", 0, ANY, 0, read_nothing },
	{ "DSCP", 0, ANY, 0, read_nothing },
	{ "ECN", 0, ANY, 0, read_nothing },
	{ "HL", 0, ANY, 0, read_nothing },
	{ "IDLETIMER", 0, ANY, 0, read_nothing },
	{ "LED", 0, ANY, 0, read_nothing },
	{ "LOG", 0, ANY, 0, read_nothing },
	{ "NFLOG", 0, ANY, 0, read_nothing },
	{ "RATEEST", 0, ANY, 0, read_nothing },
	{ "SECMARK", 0, ANY, 0, read_nothing },
	{ "SET", 0, ANY, 0, read_nothing },
	{ "TCPOPTSTRIP", 0, ANY, 0, read_nothing },
	{ "TEE", 0, ANY, 0, read_nothing },
	{ "TOS", 0, ANY, 0, read_nothing },
	{ "TRACE", 0, ANY, 0, read_nothing },
	{ "TTL", 0, ANY, 0, read_nothing },
};

void xt_target_read(struct fw_rule *rule, const struct xt_part *part)
{
	for (size_t i = 0; part->name && i < ARRAY_SIZE(readers); i++) {
		if (strcmp(part->name, readers[i].name) || part->revision < readers[i].first ||
		    part->revision > readers[i].last || part->len < readers[i].size)
			continue;
		readers[i].read(rule, part);
		return;
	}
	rule->unread = true;
	rule->verdict = FW_QUEUE; /* it may do anything */
}
