/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for rules that had none. */
#ifndef TPROXY_POLICY_IMPORT_NAMING_H
#define TPROXY_POLICY_IMPORT_NAMING_H

#include "policy/policy.h"

/* The name of the rule is a comment before, and afterwards one that no rule of `policy` has. */
void naming_set(const struct policy *policy, struct rule *rule, int index);

#endif
