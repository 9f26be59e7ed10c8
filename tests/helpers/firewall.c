/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the model of the packet filters of this network namespace.
 *
 * firewall dump                     every chain and rule
 * firewall walk HOOK IF FAMILY PROTO PORT MARK    what becomes of the first packet of a flow
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/netfilter/firewall.h"
#include "kernel/netfilter/text.h"
#include "kernel/netfilter/walk.h"
#include "lib/util.h"

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

static const char *const hooks[FW_HOOK_MAX + 1] = {
	[FW_INGRESS] = "ingress", [FW_PREROUTING] = "prerouting", [FW_INPUT] = "input",
	[FW_FORWARD] = "forward", [FW_OUTPUT] = "output",         [FW_POSTROUTING] = "postrouting",
	[FW_HOOK_MAX] = "-",
};

static const char *const matches[] = { "never", "some", "all" };

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

static void print_value(enum fw_field field, const __u8 *value, size_t len)
{
	if (field == FW_IIF || field == FW_OIF) {
		for (size_t i = 0; i < IF_NAMESIZE && value[i]; i++)
			putchar(value[i] == 0xff ? '~' : value[i]);
		return;
	}
	for (size_t i = 0; i < len; i++)
		printf("%02x", value[i]);
}

static void print_cond(const struct firewall *fw, const struct fw_cond *cond)
{
	const size_t len = cond->n ? length_of(cond->field, fw->ranges[cond->first].hi) : 0;

	printf(" %s", fields[cond->field]);
	if (cond->mask[0] != 0xff || (len == 4 && cond->mask[3] != 0xff)) {
		putchar('&');
		print_value(cond->field, cond->mask, len);
	}
	fputs(cond->invert ? "!=" : "=", stdout);
	for (__u32 i = 0; i < cond->n; i++) {
		const struct fw_range *range = &fw->ranges[cond->first + i];

		if (i)
			putchar(',');
		print_value(cond->field, range->lo, len);
		if (!memcmp(range->lo, range->hi, FW_VALUE_LEN))
			continue;
		putchar('-');
		print_value(cond->field, range->hi, len);
	}
}

static void print_write(const char *name, const struct fw_write *write)
{
	static const char *const sources[] = { "constant", "mark", "ctmark", "unknown" };

	printf(" %s:=(%s&%x^%x)keep%x", name, sources[write->source], write->and, write->xor,
	       write->keep);
}

static void print_effects(const struct fw_rule *rule)
{
	static const char *const names[] = { [2] = "dnat", "snat",    "tproxy",  "notrack",
					     NULL,         "offload", "redirect" };

	if (rule->effects & FW_SETS_MARK)
		print_write("mark", &rule->mark);
	if (rule->effects & FW_SETS_CTMARK)
		print_write("ctmark", &rule->ctmark);
	if (rule->effects & FW_MSS)
		printf(" mss:=%u", rule->mss);
	for (size_t i = 2; i < ARRAY_SIZE(names); i++)
		if (names[i] && rule->effects & 1u << i)
			printf(" %s", names[i]);
}

static void print_rule(const struct firewall *fw, const struct fw_rule *rule)
{
	printf("  %u", rule->number);
	for (__u32 i = 0; i < rule->n; i++)
		print_cond(fw, &fw->conds[rule->first + i]);
	print_effects(rule);
	if (rule->unread)
		fputs(" UNREAD", stdout);
	if (*verdicts[rule->verdict])
		printf(" %s", verdicts[rule->verdict]);
	if (rule->target < fw->n_chains)
		printf(" %s", fw->chains[rule->target].name);
	putchar('\n');
}

static void dump(const struct firewall *fw)
{
	char text[FW_TEXT_LEN];

	for (size_t i = 0; i < fw->n_chains; i++) {
		const struct fw_chain *chain = &fw->chains[i];

		printf("%s: %s %d %s%s\n", fw_chain_text(chain, text), hooks[chain->hook],
		       chain->priority, chain->drops ? "drop" : "accept", chain->nat ? " nat" : "");
		for (__u32 at = chain->first; at != FW_NONE; at = fw->rules[at].next)
			print_rule(fw, &fw->rules[at]);
	}
	for (size_t i = 0; i < fw->n_flowtables; i++)
		printf("flowtable %s %s\n", fw->flowtables[i].name,
		       fw->flowtables[i].hardware ? "hardware" : "software");
	if (fw->incomplete)
		puts("incomplete");
}

/* ---- walk --------------------------------------------------------------- */

static void print_visit(const struct fw_visit *visit, void *arg)
{
	char text[FW_TEXT_LEN];

	printf("%s: %s\n", fw_rule_text(arg, visit->rule, text), matches[visit->match]);
}

static enum fw_hook hook_of(const char *name)
{
	int hook = 0;

	while (hook < FW_HOOK_MAX && strcmp(hooks[hook], name))
		hook++;
	return hook;
}

static void fill(struct fw_packet *packet, char **args)
{
	const __u8 protocol = !strcmp(args[2], "tcp") ? IPPROTO_TCP : IPPROTO_UDP;
	const __be16 port = htons((__u16)atoi(args[3]));
	const __u8 syn = 2, yes = 1;

	fw_packet_init(packet, !strcmp(args[1], "4") ? AF_INET : AF_INET6);
	fw_packet_device(packet, FW_IIF, args[0]);
	fw_packet_set(packet, FW_PROTO, &protocol, 1);
	fw_packet_set(packet, FW_DPORT, &port, 2);
	fw_packet_set(packet, FW_TCPFLAGS, &syn, 1);
	fw_packet_set(packet, FW_TRANSPARENT, &yes, 1);
	fw_packet_bits(packet, FW_MARK, (__u32)strtoul(args[4], NULL, 0), ~0u);
	fw_packet_bits(packet, FW_CTMARK, 0, ~0u);
	fw_packet_bits(packet, FW_CTSTATE, FW_STATE_NEW, ~0u);
	fw_packet_bits(packet, FW_DSTTYPE, RTN_UNICAST, ~0u);
}

static void walk(const struct firewall *fw, char **args)
{
	char text[FW_TEXT_LEN] = "";
	struct fw_packet packet;
	struct fw_walk w;

	fill(&packet, args + 1);
	fw_walk_init(&w, fw, &packet);
	w.visit = print_visit;
	w.arg = (void *)fw;
	fw_walk_hook(&w, hook_of(args[0]));
	if (w.rule)
		fw_rule_text(fw, w.rule, text);
	else if (w.chain)
		fw_chain_text(w.chain, text);
	printf("dropped: %s %s%s\n", matches[w.dropped], text, w.unsure ? " (unsure)" : "");
	printf("mark: %x/%x ctmark: %x/%x\n", fw_known_value(&w.packet, FW_MARK),
	       fw_known_bits(&w.packet, FW_MARK), fw_known_value(&w.packet, FW_CTMARK),
	       fw_known_bits(&w.packet, FW_CTMARK));
}

int main(int argc, char **argv)
{
	struct firewall fw __cleanup_firewall = { 0 };
	int err = firewall_read(&fw);

	if (err) {
		fprintf(stderr, "cannot read: %s\n", strerror(-err));
		return 1;
	}
	if (argc == 2 && !strcmp(argv[1], "dump"))
		dump(&fw);
	else if (argc == 8 && !strcmp(argv[1], "walk"))
		walk(&fw, argv + 2);
	else
		return 2;
	return 0;
}
