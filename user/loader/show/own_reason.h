/* SPDX-License-Identifier: BSD-2-Clause */
/* Why own traffic is left alone, beside the rules: for the answer of `test --local`. Pure data. */
#ifndef TPROXY_LOADER_SHOW_OWN_REASON_H
#define TPROXY_LOADER_SHOW_OWN_REASON_H

/* What decides beside the rules. */
enum own_reason {
	OWN_REASON_RULES,    /* nothing else */
	OWN_REASON_OWNER,    /* a rule would take it from other users, groups or cgroups */
	OWN_REASON_EXCLUDED, /* the sender is in a cgroup that is left alone */
	OWN_REASON_PROXY,    /* the sender is noted as a proxy, or was started by one */
	OWN_REASON_MAX
};

#endif
