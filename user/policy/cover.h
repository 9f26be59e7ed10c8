/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What covers what, among the sets of rules: prefixes, services, and names of interfaces.
 * Pure. Where the answer is not certain, the function's comment says which way it errs.
 */
#ifndef TPROXY_POLICY_COVER_H
#define TPROXY_POLICY_COVER_H

#include "policy/policy.h"

/* Each of `inner` lies within one of `outer`; several of them together do not count. */
bool prefix_set_covers(const struct prefix_set *outer, const struct prefix_set *inner);
bool service_set_covers(const struct service_set *outer, const struct service_set *inner);

/* The service lies within one of the set. */
bool service_set_includes(const struct service_set *set, const struct service *service);

/* The same flows, wherever they come in, and the same treatment. */
bool cover_same_flows(const struct rule *a, const struct rule *b);

/* Every interface that the glob `inner` can mean is one of `outer`'s. May miss some that are. */
bool names_cover(const struct name_set *outer, const char *inner);
/* Could a name match both globs? True also where this is not worked out (brackets). */
bool glob_may_meet(const char *a, const char *b);
bool names_may_meet(const struct name_set *set, const char *glob);

#endif
