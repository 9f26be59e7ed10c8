/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Destinations with a meaning of their own: what Linux never forwards, so that no rule
 * can match it, and link-local addresses of IPv4, which it does. Pure data.
 */
#ifndef TPROXY_POLICY_SCOPE_H
#define TPROXY_POLICY_SCOPE_H

#include "policy/policy.h"

/* Why no packet to any address of this prefix is ever forwarded; NULL: some are. */
const char *scope_never_forwarded(const struct prefix *prefix);

/* Has the rule destinations, and is none of them ever forwarded? */
bool scope_rule_is_dead(const struct rule *rule);

/*
 * Does a proxy rule name destinations in 169.254.0.0/16? A wider prefix does not count:
 * what is there (metadata of a cloud's machines) is meant for this host alone.
 */
bool scope_names_link_local(const struct policy *policy);

#endif
