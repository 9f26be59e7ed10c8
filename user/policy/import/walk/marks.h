/* SPDX-License-Identifier: BSD-2-Clause */
/* Marks of a packet and its connection: what lines make of them and ask about them. */
#ifndef TPROXY_POLICY_IMPORT_WALK_MARKS_H
#define TPROXY_POLICY_IMPORT_WALK_MARKS_H

#include "policy/import/ipt/ruleset.h"

struct marks {
	__u32 packet, connection;
};

/* What the line makes of them; unchanged for other targets. */
struct marks marks_after(struct marks marks, const struct ipt_rule *rule);
/* Does the line's condition about marks hold? */
bool marks_match(struct marks marks, const struct ipt_rule *rule);
/*
 * Does a packet with this mark leave by lo? The text has no routing rules: it does if a TPROXY line
 * sets this mark, or a line for what enters by lo asks for it.
 */
bool marks_lead_to_lo(const struct ruleset *rules, __u8 family, __u32 mark);

#endif
