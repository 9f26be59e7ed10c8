/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <stdarg.h>
#include <string.h>

#include "kernel/routing/rules.h"

/* A text that grows; it is cut off at the end of its buffer. */
struct text {
	char *buf;
	size_t len;
};

static void __printf(2, 3) add(struct text *text, const char *fmt, ...)
{
	size_t left = RULE_TEXT_LEN - text->len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text->buf + text->len, left, fmt, args);
	va_end(args);
	if (n > 0)
		text->len += (size_t)n < left ? (size_t)n : left - 1;
}

static void add_prefix(struct text *text, const char *word, const struct route_rule *rule,
		       const struct rule_prefix *prefix)
{
	unsigned int full = rule->family == AF_INET ? 32 : 128;
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(rule->family, prefix->addr, addr, sizeof(addr));
	add(text, " %s %s", word, addr);
	if (prefix->len < full)
		add(text, "/%u", prefix->len);
}

static void add_range(struct text *text, const char *word, const struct rule_range *range)
{
	if (!range->set)
		return;
	add(text, " %s %u", word, range->start);
	if (range->end != range->start)
		add(text, "-%u", range->end);
}

static void add_mark(struct text *text, const struct route_rule *rule)
{
	if (!rule->mark && !rule->mask)
		return;
	add(text, " fwmark 0x%x", rule->mark);
	if (rule->mask != 0xffffffff)
		add(text, "/0x%x", rule->mask);
}

static void add_selectors(struct text *text, const struct route_rule *rule)
{
	static const char *const protocols[256] = {
		[IPPROTO_ICMP] = "icmp", [IPPROTO_TCP] = "tcp",          [IPPROTO_UDP] = "udp",
		[IPPROTO_GRE] = "gre",   [IPPROTO_ICMPV6] = "ipv6-icmp",
	};

	if (rule->from.len)
		add_prefix(text, "from", rule, &rule->from);
	else
		add(text, " from all");
	if (rule->to.len)
		add_prefix(text, "to", rule, &rule->to);
	if (rule->tos)
		add(text, " tos 0x%02x", rule->tos);
	add_mark(text, rule);
	if (*rule->iif)
		add(text, " iif %s", rule->iif);
	if (*rule->oif)
		add(text, " oif %s", rule->oif);
	if (rule->uid.set)
		add(text, " uidrange %u-%u", rule->uid.start, rule->uid.end);
	if (rule->ipproto && protocols[rule->ipproto])
		add(text, " ipproto %s", protocols[rule->ipproto]);
	else if (rule->ipproto)
		add(text, " ipproto %u", rule->ipproto);
	add_range(text, "sport", &rule->sport);
	add_range(text, "dport", &rule->dport);
	if (rule->tun_id)
		add(text, " tun_id %llu", rule->tun_id);
	if (rule->unknown)
		add(text, " (and more)");
}

static void add_table(struct text *text, const struct route_rule *rule)
{
	static const char *const names[] = { "default", "main", "local" };

	if (rule->l3mdev)
		add(text, " lookup [l3mdev-table]");
	else if (rule->table >= RT_TABLE_DEFAULT && rule->table <= RT_TABLE_LOCAL)
		add(text, " lookup %s", names[rule->table - RT_TABLE_DEFAULT]);
	else
		add(text, " lookup %u", rule->table);
	if (rule->suppress_len >= 0)
		add(text, " suppress_prefixlength %d", rule->suppress_len);
	if (rule->suppress_group >= 0)
		add(text, " suppress_ifgroup %d", rule->suppress_group);
}

static void add_action(struct text *text, const struct route_rule *rule)
{
	static const char *const names[] = { [FR_ACT_NOP] = "nop",
					     [FR_ACT_BLACKHOLE] = "blackhole",
					     [FR_ACT_UNREACHABLE] = "unreachable",
					     [FR_ACT_PROHIBIT] = "prohibit" };

	if (rule->action == FR_ACT_TO_TBL)
		add_table(text, rule);
	else if (rule->action == FR_ACT_GOTO)
		add(text, " goto %u%s", rule->target, rule->unresolved ? " [unresolved]" : "");
	else if (rule->action < ARRAY_SIZE(names) && names[rule->action])
		add(text, " %s", names[rule->action]);
	else
		add(text, " action %u", rule->action);
}

char *rule_text(const struct route_rule *rule, char *buf)
{
	struct text text = { .buf = buf };

	add(&text, "%u:%s", rule->pref, rule->invert ? " not" : "");
	add_selectors(&text, rule);
	add_action(&text, rule);
	return buf;
}
