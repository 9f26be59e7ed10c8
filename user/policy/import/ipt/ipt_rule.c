/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/ipt/ipt_rule.h"

#include <stdlib.h>

void ipt_rule_free(struct ipt_rule *rule)
{
	flows_free(&rule->match);
	free(rule->not_cgroup);
	*rule = (struct ipt_rule){ 0 };
}
