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
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/netfilter/dump.h"
#include "kernel/netfilter/read/firewall.h"
#include "kernel/netfilter/text.h"
#include "kernel/netfilter/walk.h"
#include "lib/util.h"

static const char *const matches[] = { "never", "some", "all" };

/* ---- walk --------------------------------------------------------------- */

static void print_visit(const struct fw_visit *visit, void *arg)
{
	char text[FW_TEXT_LEN];

	printf("%s: %s\n", fw_rule_text(arg, visit->rule, text), matches[visit->match]);
}

static enum fw_hook hook_of(const char *name)
{
	int hook = 0;

	while (hook < FW_HOOK_MAX && strcmp(fw_hook_names[hook], name))
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
		fw_dump(stdout, &fw, SIZE_MAX);
	else if (argc == 8 && !strcmp(argv[1], "walk"))
		walk(&fw, argv + 2);
	else
		return 2;
	return 0;
}
