/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules that no flow can ever reach, found in the compiled tables. A rule that is reported never
 * decides, on any interface or for any address; some such rules may be missed. Pure.
 */
#ifndef TPROXY_POLICY_SHADOW_H
#define TPROXY_POLICY_SHADOW_H

#include "policy/policy.h"
#include "tproxy.h"

/* Prefixes beyond which the question is not asked: it would take longer than the rest. */
#define SHADOW_MAX_PREFIXES 20000

enum shadow_kind {
	SHADOW_NONE,     /* it may decide */
	SHADOW_NOTHING,  /* no destination, source or port at all */
	SHADOW_FAMILIES, /* sources of one address family, destinations of the other */
	SHADOW_EARLIER,  /* earlier rules take all that it matches */
};

struct shadow {
	enum shadow_kind kind;
	tproxy_mask by; /* the earlier rules */
};

/* One for each rule. 0, -ENOMEM, or -E2BIG with more prefixes than SHADOW_MAX_PREFIXES. */
int shadow_find(const struct policy *policy, struct shadow ret_shadows[TPROXY_MAX_RULES]);

/*
 * Why no flow reaches the rule, as "earlier rules take all that it matches: a, b and c", into buf.
 * Returns buf.
 */
char *shadow_format(const struct policy *policy, const struct shadow *shadow, char *buf,
		    size_t size);

#endif
