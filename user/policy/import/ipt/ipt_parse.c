/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/ipt/ipt_parse.h"

#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "policy/import/ipt/ipt_option.h"
#include "policy/import/ipt/words.h"

#define MAX_WORDS 128

/* What only all options together show. */
static void check(struct ipt_parse *p)
{
	const struct ipt_rule *rule = p->rule;

	if ((rule->target == IPT_TPROXY || rule->target == IPT_REDIRECT) && !rule->proxy.port)
		ipt_refuse(p, "%s to the destination's own port is not possible",
			   rule->target_name);
	if (!span_set_is_all(&rule->match.ports, FLOWS_MAX_PORT) &&
	    rule->match.protos & FLOWS_OTHER)
		ipt_refuse(p, "ports without a protocol");
}

int ipt_parse(char *line, __u8 family, const struct ipsets *sets, struct ipt_rule *ret_rule)
{
	char *words[MAX_WORDS];
	struct ipt_rule rule = { 0 };
	struct ipt_parse p = { .words = words, .family = family, .rule = &rule, .sets = sets };

	p.n = words_split(line, words, MAX_WORDS);
	if (p.n < 2 || (strcmp(words[0], "-A") && strcmp(words[0], "--append")))
		return -EINVAL;
	snprintf(rule.chain, sizeof(rule.chain), "%s", words[1]);
	p.err = flows_all(family, &rule.match);
	for (p.at = 2; p.at < p.n && !p.err; p.at++)
		ipt_option_take(&p);
	if (p.err) {
		ipt_rule_free(&rule);
		return p.err;
	}
	check(&p);
	*ret_rule = rule;
	return 0;
}
