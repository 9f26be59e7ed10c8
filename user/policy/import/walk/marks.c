/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/walk/marks.h"

#include <string.h>

struct marks marks_after(struct marks marks, const struct ipt_rule *rule)
{
	switch (rule->target) {
	case IPT_MARK:
		marks.packet = (marks.packet & ~rule->mask) ^ rule->value;
		break;
	case IPT_CONNMARK:
		marks.connection = (marks.connection & ~rule->mask) ^ rule->value;
		break;
	case IPT_SAVE_MARK:
		marks.connection =
			(marks.connection & ~rule->mask) ^ (marks.packet & rule->from_mask);
		break;
	case IPT_RESTORE_MARK:
		marks.packet = (marks.packet & ~rule->mask) ^ (marks.connection & rule->from_mask);
		break;
	default:
		break;
	}
	return marks;
}

static bool test(const struct ipt_mark_test *test, __u32 mark)
{
	return !test->used || ((mark & test->mask) == test->value) != test->invert;
}

bool marks_match(struct marks marks, const struct ipt_rule *rule)
{
	return test(&rule->mark, marks.packet) && test(&rule->connmark, marks.connection);
}

static bool leads(const struct ipt_line *line, __u32 mark)
{
	const struct ipt_rule *rule = &line->rule;
	const struct ipt_mark_test *asked = &rule->mark;

	if (line->table != IPT_MANGLE || rule->why[0])
		return false;
	if (rule->target == IPT_TPROXY && rule->value & rule->mask &&
	    (mark & rule->mask) == (rule->value & rule->mask))
		return true;
	if (rule->target != IPT_TPROXY && strcmp(rule->match.in, "lo"))
		return false;
	return asked->used && !asked->invert && asked->value &&
	       (mark & asked->mask) == asked->value;
}

bool marks_lead_to_lo(const struct ruleset *rules, __u8 family, __u32 mark)
{
	for (size_t i = 0; i < rules->n_lines && mark; i++)
		if (rules->lines[i].family == family && leads(&rules->lines[i], mark))
			return true;
	return false;
}
