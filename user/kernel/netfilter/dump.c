/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/dump.h"

#include <string.h>

#include "kernel/netfilter/text.h"
#include "lib/util.h"

#define MAX_RANGES 256 /* of one condition */

static const char *const fields[FW_FIELD_MAX] = {
	[FW_FAMILY] = "family",   [FW_ETHERTYPE] = "ethertype",
	[FW_IIF] = "iif",         [FW_OIF] = "oif",
	[FW_PROTO] = "proto",     [FW_SADDR] = "saddr",
	[FW_DADDR] = "daddr",     [FW_SPORT] = "sport",
	[FW_DPORT] = "dport",     [FW_TCPFLAGS] = "flags",
	[FW_MARK] = "mark",       [FW_CTMARK] = "ctmark",
	[FW_CTSTATE] = "ctstate", [FW_TRANSPARENT] = "transparent",
	[FW_DSTTYPE] = "dsttype",
};

static const char *const verdicts[FW_VERDICT_MAX] = {
	[FW_CONTINUE] = "",     [FW_ACCEPT] = "accept", [FW_DROP] = "drop", [FW_REJECT] = "reject",
	[FW_RETURN] = "return", [FW_JUMP] = "jump",     [FW_GOTO] = "goto", [FW_QUEUE] = "queue",
};

const char *const fw_hook_names[FW_HOOK_MAX + 1] = {
	[FW_INGRESS] = "ingress", [FW_PREROUTING] = "prerouting", [FW_INPUT] = "input",
	[FW_FORWARD] = "forward", [FW_OUTPUT] = "output",         [FW_POSTROUTING] = "postrouting",
	[FW_HOOK_MAX] = "-",
};

static size_t length_of(enum fw_field field, const __u8 *hi)
{
	switch (field) {
	case FW_FAMILY:
	case FW_PROTO:
	case FW_TCPFLAGS:
	case FW_TRANSPARENT:
		return 1;
	case FW_ETHERTYPE:
	case FW_SPORT:
	case FW_DPORT:
		return 2;
	case FW_SADDR:
	case FW_DADDR:
		return memcmp(hi + 4, "\0\0\0\0\0\0\0\0\0\0\0", 12) ? 16 : 4;
	default:
		return 4;
	}
}

/* The rest of a range of names is 0xff. */
static void print_name(FILE *out, const __u8 *name)
{
	for (size_t i = 0; i < IF_NAMESIZE && name[i]; i++) {
		const bool printable = name[i] > ' ' && name[i] <= '~';

		fputc(printable ? name[i] : name[i] == 0xff ? '~' : '?', out);
	}
}

static void print_value(FILE *out, enum fw_field field, const __u8 *value, size_t len)
{
	if (field == FW_IIF || field == FW_OIF) {
		print_name(out, value);
		return;
	}
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", value[i]);
}

static void print_ranges(FILE *out, const struct fw_cond *cond, const struct fw_range *ranges,
			 size_t len)
{
	for (__u32 i = 0; i < cond->n && i < MAX_RANGES; i++) {
		if (i)
			fputc(',', out);
		print_value(out, cond->field, ranges[i].lo, len);
		if (!memcmp(ranges[i].lo, ranges[i].hi, FW_VALUE_LEN))
			continue;
		fputc('-', out);
		print_value(out, cond->field, ranges[i].hi, len);
	}
	if (cond->n > MAX_RANGES)
		fprintf(out, ",and %u more", cond->n - MAX_RANGES);
}

static void print_cond(FILE *out, const struct firewall *fw, const struct fw_cond *cond)
{
	const size_t len = cond->n ? length_of(cond->field, fw->ranges[cond->first].hi) : 0;

	fprintf(out, " %s", fields[cond->field]);
	if (cond->mask[0] != 0xff || (len == 4 && cond->mask[3] != 0xff)) {
		fputc('&', out);
		print_value(out, cond->field, cond->mask, len);
	}
	fputs(cond->invert ? "!=" : "=", out);
	print_ranges(out, cond, fw->ranges + cond->first, len);
}

static void print_write(FILE *out, const char *name, const struct fw_write *write)
{
	static const char *const sources[] = { "constant", "mark", "ctmark", "unknown" };

	fprintf(out, " %s:=(%s&%x^%x)keep%x", name, sources[write->source], write->and, write->xor,
		write->keep);
}

static void print_effects(FILE *out, const struct fw_rule *rule)
{
	static const char *const names[] = { [2] = "dnat", "snat",    "tproxy",  "notrack",
					     NULL,         "offload", "redirect" };

	if (rule->effects & FW_SETS_MARK)
		print_write(out, "mark", &rule->mark);
	if (rule->effects & FW_SETS_CTMARK)
		print_write(out, "ctmark", &rule->ctmark);
	if (rule->effects & FW_MSS)
		fprintf(out, " mss:=%u", rule->mss);
	for (size_t i = 2; i < ARRAY_SIZE(names); i++)
		if (names[i] && rule->effects & 1u << i)
			fprintf(out, " %s", names[i]);
}

static void print_rule(FILE *out, const struct firewall *fw, const struct fw_rule *rule)
{
	fprintf(out, "  %u", rule->number);
	for (__u32 i = 0; i < rule->n; i++)
		print_cond(out, fw, &fw->conds[rule->first + i]);
	print_effects(out, rule);
	if (rule->unread)
		fputs(" UNREAD", out);
	if (*verdicts[rule->verdict])
		fprintf(out, " %s", verdicts[rule->verdict]);
	if (rule->target < fw->n_chains)
		fprintf(out, " %s", fw->chains[rule->target].name);
	fputc('\n', out);
}

static void print_devices(FILE *out, const char devices[FW_DEVICES][IF_NAMESIZE])
{
	for (size_t i = 0; i < FW_DEVICES && *devices[i]; i++) {
		fputc(' ', out);
		print_name(out, (const __u8 *)devices[i]);
	}
}

static void print_chain(FILE *out, const struct fw_chain *chain)
{
	char text[FW_TEXT_LEN];

	fprintf(out, "%s: %s %d %s%s", fw_chain_text(chain, text), fw_hook_names[chain->hook],
		chain->priority, chain->drops ? "drop" : "accept", chain->nat ? " nat" : "");
	print_devices(out, chain->devices);
	fputc('\n', out);
}

static void print_flowtable(FILE *out, const struct fw_flowtable *flowtable)
{
	fprintf(out, "flowtable %s %s", flowtable->name,
		flowtable->hardware ? "hardware" : "software");
	print_devices(out, flowtable->devices);
	fputc('\n', out);
}

void fw_dump(FILE *out, const struct firewall *fw, size_t max_rules)
{
	size_t n = 0;

	for (size_t i = 0; i < fw->n_chains; i++) {
		print_chain(out, &fw->chains[i]);
		for (__u32 at = fw->chains[i].first; at != FW_NONE; at = fw->rules[at].next)
			if (n++ < max_rules)
				print_rule(out, fw, &fw->rules[at]);
	}
	for (size_t i = 0; i < fw->n_flowtables; i++)
		print_flowtable(out, &fw->flowtables[i]);
	if (n > max_rules)
		fprintf(out, "%zu more rules\n", n - max_rules);
	if (fw->incomplete)
		fputs("incomplete\n", out);
}
