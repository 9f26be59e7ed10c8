/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/iptables.h"

#include <string.h>

#include "policy/import/ipt_option.h"

#define MAX_WORDS 128

/* Cuts a line into words, in place; "a \"b\"" is one word. Their number, or -EINVAL. */
static int split(char *line, char **words)
{
	int n = 0;
	char *from = line, *to;

	for (;;) {
		bool quoted = false;

		from += strspn(from, " \t\r\n");
		if (!*from)
			return n;
		if (n == MAX_WORDS - 1)
			return -EINVAL;
		words[n++] = to = from;
		for (; *from && (quoted || !strchr(" \t\r\n", *from)); from++) {
			if (*from == '"') {
				quoted = !quoted;
				continue;
			}
			if (*from == '\\' && quoted && from[1])
				from++;
			*to++ = *from;
		}
		if (quoted)
			return -EINVAL;
		if (*from)
			from++;
		*to = '\0';
	}
}

int ipt_parse(char *line, __u8 family, struct ipt_rule *ret_rule)
{
	char *words[MAX_WORDS];
	struct ipt_rule rule = { 0 };
	struct ipt_parse p = { .words = words, .family = family, .rule = &rule };

	p.n = split(line, words);
	if (p.n < 2 || (strcmp(words[0], "-A") && strcmp(words[0], "--append")))
		return -EINVAL;
	snprintf(rule.chain, sizeof(rule.chain), "%s", words[1]);
	for (p.at = 2; p.at < p.n && !p.err; p.at++)
		ipt_option_take(&p);
	if (p.err) {
		ipt_rule_free(&rule);
		return p.err;
	}
	if (rule.target == IPT_TPROXY && !rule.proxy.port)
		ipt_refuse(&p, "TPROXY to the destination's own port is not possible");
	if (rule.match.has_ports && !rule.match.proto)
		ipt_refuse(&p, "ports without a protocol");
	*ret_rule = rule;
	return 0;
}
