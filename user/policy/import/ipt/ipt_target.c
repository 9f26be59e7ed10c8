/* SPDX-License-Identifier: BSD-2-Clause */
/* Targets of rules, and the options that belong to them. */
#include <string.h>
#include <sys/socket.h>

#include "policy/import/ipt/ipt_option.h"

static const struct {
	const char *name;
	enum ipt_target target;
} targets[] = {
	{ "TPROXY", IPT_TPROXY },       { "REDIRECT", IPT_REDIRECT }, { "DNAT", IPT_REDIRECT },
	{ "ACCEPT", IPT_ACCEPT },       { "RETURN", IPT_RETURN },     { "DROP", IPT_DROP },
	{ "REJECT", IPT_RESET },        { "MARK", IPT_MARK },         { "CONNMARK", IPT_CONNMARK },
	{ "LOG", IPT_NOTHING },         { "NFLOG", IPT_NOTHING },     { "ULOG", IPT_NOTHING },
	{ "TRACE", IPT_NOTHING },       { "TOS", IPT_NOTHING },       { "DSCP", IPT_NOTHING },
	{ "TTL", IPT_NOTHING },         { "HL", IPT_NOTHING },        { "TCPMSS", IPT_NOTHING },
	{ "CT", IPT_NOTHING },          { "NOTRACK", IPT_NOTHING },   { "CLASSIFY", IPT_NOTHING },
	{ "CHECKSUM", IPT_NOTHING },    { "AUDIT", IPT_NOTHING },     { "ECN", IPT_NOTHING },
	{ "TCPOPTSTRIP", IPT_NOTHING }, { "RATEEST", IPT_NOTHING },   { "IDLETIMER", IPT_NOTHING },
	{ "TEE", IPT_NOTHING },         { "LED", IPT_NOTHING },       { "SET", IPT_NOTHING },
	{ "QUEUE", IPT_UNKNOWN },       { "NFQUEUE", IPT_UNKNOWN },   { "NETMAP", IPT_UNKNOWN },
};

static void opt_jump(struct ipt_parse *p)
{
	const char *name = ipt_value(p);
	struct ipt_rule *rule = p->rule;

	rule->target = IPT_JUMP;
	snprintf(rule->target_name, sizeof(rule->target_name), "%s", name);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (!strcmp(name, targets[i].name))
			rule->target = targets[i].target;
	/* The options of such a target are skipped. */
	if (rule->target == IPT_NOTHING || rule->target == IPT_UNKNOWN)
		p->at = p->n;
}

static void opt_goto(struct ipt_parse *p)
{
	p->rule->target = IPT_GOTO;
	snprintf(p->rule->target_name, sizeof(p->rule->target_name), "%s", ipt_value(p));
}

/* ---- where a proxy listens ---------------------------------------------- */

static void take_port(struct ipt_parse *p, const char *option, const char *text)
{
	struct port_range range;
	const char *why;

	if (parse_port_range(text, &range, &why) || range.first != range.last)
		ipt_refuse(p, "%s %.20s: a proxy needs a port of its own", option, text);
	p->rule->proxy.port = range.first;
}

static void opt_on_port(struct ipt_parse *p)
{
	take_port(p, "--on-port", ipt_value(p));
}

static void opt_to_ports(struct ipt_parse *p)
{
	take_port(p, "--to-ports", ipt_value(p));
}

static void opt_on_ip(struct ipt_parse *p)
{
	static const __u8 any[16];
	const char *why, *text = ipt_value(p);
	struct prefix address;

	if (parse_prefix(text, &address, &why)) {
		ipt_refuse(p, "--on-ip %.40s: not an address", text);
	} else if (memcmp(address.addr, any, sizeof(any))) {
		p->rule->proxy.family = address.family;
		memcpy(p->rule->proxy.addr, address.addr, sizeof(address.addr));
	}
}

/* Only to this host itself it is interception. */
static void opt_to_destination(struct ipt_parse *p)
{
	static const __u8 loopback6[16] = { [15] = 1 };
	const char *why, *text = ipt_value(p);
	struct endpoint to;

	if (parse_endpoint(text, &to, &why) ||
	    (to.family == AF_INET ? to.addr[0] != 127 : memcmp(to.addr, loopback6, 16)))
		ipt_refuse(p, "--to-destination %.60s: rules cannot send flows to another address",
			   text);
	else
		p->rule->proxy = to;
}

/* ---- marks -------------------------------------------------------------- */

static void opt_tproxy_mark(struct ipt_parse *p)
{
	ipt_mark(p, ipt_value(p), &p->rule->value, &p->rule->mask);
}

static void opt_set_xmark(struct ipt_parse *p)
{
	ipt_mark(p, ipt_value(p), &p->rule->value, &p->rule->mask);
}

/* Bits of the value are set even where the mask has none. */
static void opt_set_mark(struct ipt_parse *p)
{
	opt_set_xmark(p);
	p->rule->mask |= p->rule->value;
}

static void opt_and_mark(struct ipt_parse *p)
{
	__u32 bits = UINT32_MAX, mask;

	ipt_mark(p, ipt_value(p), &bits, &mask);
	p->rule->value = 0;
	p->rule->mask = ~bits;
}

static void opt_or_mark(struct ipt_parse *p)
{
	opt_set_xmark(p);
	p->rule->mask = p->rule->value;
}

static void opt_xor_mark(struct ipt_parse *p)
{
	opt_set_xmark(p);
	p->rule->mask = 0;
}

static void opt_save_mark(struct ipt_parse *p)
{
	p->rule->target = IPT_SAVE_MARK;
	p->rule->mask = p->rule->from_mask = UINT32_MAX;
}

static void opt_restore_mark(struct ipt_parse *p)
{
	opt_save_mark(p);
	p->rule->target = IPT_RESTORE_MARK;
}

static void opt_nfmask(struct ipt_parse *p)
{
	__u32 unused;
	bool restore = p->rule->target == IPT_RESTORE_MARK;

	ipt_mark(p, ipt_value(p), restore ? &p->rule->mask : &p->rule->from_mask, &unused);
}

static void opt_ctmask(struct ipt_parse *p)
{
	__u32 unused;
	bool restore = p->rule->target == IPT_RESTORE_MARK;

	ipt_mark(p, ipt_value(p), restore ? &p->rule->from_mask : &p->rule->mask, &unused);
}

static void opt_mask(struct ipt_parse *p)
{
	__u32 unused;

	ipt_mark(p, ipt_value(p), &p->rule->mask, &unused);
	p->rule->from_mask = p->rule->mask;
}

static void opt_value(struct ipt_parse *p)
{
	ipt_value(p);
}

const struct ipt_option ipt_target_options[] = {
	{ "-j", opt_jump },
	{ "--jump", opt_jump },
	{ "-g", opt_goto },
	{ "--goto", opt_goto },
	{ "--on-port", opt_on_port },
	{ "--on-ip", opt_on_ip },
	{ "--to-ports", opt_to_ports },
	{ "--to-port", opt_to_ports },
	{ "--to-destination", opt_to_destination },
	{ "--reject-with", opt_value },
	{ "--tproxy-mark", opt_tproxy_mark },
	{ "--set-xmark", opt_set_xmark },
	{ "--set-mark", opt_set_mark },
	{ "--and-mark", opt_and_mark },
	{ "--or-mark", opt_or_mark },
	{ "--xor-mark", opt_xor_mark },
	{ "--save-mark", opt_save_mark },
	{ "--restore-mark", opt_restore_mark },
	{ "--nfmask", opt_nfmask },
	{ "--ctmask", opt_ctmask },
	{ "--mask", opt_mask },
	{ NULL, NULL },
};
