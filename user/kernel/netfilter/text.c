/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/text.h"

#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

static const char *family_name(__u8 family)
{
	switch (family) {
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_NETDEV:
		return "netdev";
	case NFPROTO_BRIDGE:
		return "bridge";
	default:
		return "arp";
	}
}

static const char *legacy_name(__u8 family)
{
	return family == NFPROTO_IPV6 ? "ip6tables-legacy" : "iptables-legacy";
}

char *fw_chain_text(const struct fw_chain *chain, char *buf)
{
	if (chain->legacy)
		snprintf(buf, FW_TEXT_LEN, "%s chain %s of table %s", legacy_name(chain->family),
			 chain->name, chain->table);
	else
		snprintf(buf, FW_TEXT_LEN, "nft chain %s %s %s", family_name(chain->family),
			 chain->table, chain->name);
	return buf;
}

char *fw_rule_text(const struct firewall *fw, const struct fw_rule *rule, char *buf)
{
	size_t len = strlen(fw_chain_text(&fw->chains[rule->chain], buf));

	if (rule->handle)
		snprintf(buf + len, FW_TEXT_LEN - len, ", rule with handle %llu", rule->handle);
	else
		snprintf(buf + len, FW_TEXT_LEN - len, ", rule %u", rule->number);
	return buf;
}

char *fw_mark_text(const struct fw_write *write, char *buf)
{
	if (write->source == FW_FROM_CTMARK)
		snprintf(buf, FW_TEXT_LEN, "restores it from connection tracking");
	else if (write->source == FW_FROM_UNKNOWN)
		snprintf(buf, FW_TEXT_LEN, "sets it to another value");
	else if (write->source == FW_CONSTANT || !write->and)
		snprintf(buf, FW_TEXT_LEN, "sets it to 0x%x", write->xor);
	else
		snprintf(buf, FW_TEXT_LEN, "changes its bits 0x%x", ~write->and | write->xor);
	return buf;
}

bool fw_rule_delete_text(const struct firewall *fw, const struct fw_rule *rule, char *buf)
{
	const struct fw_chain *chain = &fw->chains[rule->chain];

	if (chain->legacy)
		snprintf(buf, FW_TEXT_LEN, "%s -t %s -D %s %u", legacy_name(chain->family),
			 chain->table, chain->name, rule->number);
	else
		snprintf(buf, FW_TEXT_LEN, "nft delete rule %s %s %s handle %llu",
			 family_name(chain->family), chain->table, chain->name, rule->handle);
	return !chain->odd;
}

char *fw_list_text(const struct fw_chain *chain, char *buf)
{
	if (chain->odd)
		snprintf(buf, FW_TEXT_LEN, "nft -a list ruleset");
	else if (chain->legacy)
		snprintf(buf, FW_TEXT_LEN, "%s -t %s -vnL %s --line-numbers",
			 legacy_name(chain->family), chain->table, chain->name);
	else
		snprintf(buf, FW_TEXT_LEN, "nft -a list chain %s %s %s", family_name(chain->family),
			 chain->table, chain->name);
	return buf;
}
