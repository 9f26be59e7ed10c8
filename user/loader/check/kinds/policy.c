/* SPDX-License-Identifier: BSD-2-Clause */
/* Problems of the checks of group policy. */
#include "loader/check/kinds.h"

const struct kind kinds_policy[] = {
	{ .id = "not-covered",
	  .title = "a rule names an interface that is not attached",
	  .means = "Flows of that interface are not intercepted.",
	  .cause = "The interface was never attached, or the name is mistyped.",
	  .see = "tproxy-loader status; ip link",
	  .cure = "tproxy-loader attach IF; tproxy-loader watch follows globs." },
	{ .id = "never-matches",
	  .title = "a rule can never match",
	  .means = "It has no effect.",
	  .cause =
		  "An earlier rule takes all of its flows, or nothing is forwarded to its destinations.",
	  .see = "tproxy-loader rule list",
	  .cure = "Move or delete the rule." },
	{ .id = "drift",
	  .title = "the live policy is not the file that was applied",
	  .means = "After the next apply, edits by hand are gone.",
	  .cause = "The policy was edited with rule, cidr, port or bpftool after the last apply.",
	  .see = "tproxy-loader diff",
	  .cure = "Put the edits in the file, or apply the file again." },
	{ .id = "confirm-pending",
	  .title = "the policy waits to be confirmed",
	  .means = "The previous policy comes back when the time is over.",
	  .cause = "apply --confirm-within",
	  .see = "tproxy-loader status",
	  .cure = "tproxy-loader confirm keeps it, tproxy-loader rollback ends it." },
	{ .id = NULL },
};
