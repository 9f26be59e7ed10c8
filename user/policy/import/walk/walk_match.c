/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "policy/import/walk/walking.h"

const struct ipt_chain *walk_base_chain(const struct walk *w, enum walk_stage stage)
{
	static const struct {
		enum ipt_table table;
		const char *name;
	} chains[] = {
		[WALK_OUT_RAW] = { IPT_RAW, "OUTPUT" },
		[WALK_OUT_MANGLE] = { IPT_MANGLE, "OUTPUT" },
		[WALK_OUT_NAT] = { IPT_NAT, "OUTPUT" },
		[WALK_IN_RAW] = { IPT_RAW, "PREROUTING" },
		[WALK_IN_MANGLE] = { IPT_MANGLE, "PREROUTING" },
	};
	int index;

	if (stage <= WALK_BEGIN || stage >= WALK_END)
		return NULL;
	index = ruleset_chain(w->rules, chains[stage].table, w->family, chains[stage].name);
	return index < 0 ? NULL : &w->rules->chains[index];
}

bool walk_is_mine(const struct walk *w, const struct ipt_line *line)
{
	const char *in = line->rule.match.in;

	if (w->own)
		return !*in || flows_in_covers(in, "lo");
	return strcmp(in, "lo") != 0;
}

/* ---- conditions that are known ------------------------------------------ */

static bool asks_for_owner(const struct ipt_rule *rule)
{
	const struct flows *match = &rule->match;

	return match->cgroup || rule->not_cgroup ||
	       !span_set_is_all(&match->ids[0], FLOWS_MAX_ID) ||
	       !span_set_is_all(&match->ids[1], FLOWS_MAX_ID);
}

static const char *never_by_addresses(const struct walk *w, const struct ipt_rule *rule)
{
	if (w->probe && rule->to_own == IPT_OWN_NEVER)
		return "the flow goes to this host";
	if (!w->probe && rule->to_own == IPT_OWN_ONLY)
		return "flows to addresses of this host are never intercepted";
	if (!w->own && rule->from_own == IPT_OWN_ONLY)
		return "flows that enter are not from this host";
	if (w->own && rule->from_own == IPT_OWN_NEVER)
		return "own traffic is from this host";
	return NULL;
}

/* "--mark M -j RETURN", or "! --mark M -j MARK": sockets of a proxy have M, and stay direct. */
static void note_proxy_mark(struct walk *w, const struct ipt_rule *rule)
{
	bool leaves = rule->target == IPT_RETURN || rule->target == IPT_ACCEPT;

	if (leaves == rule->mark.invert)
		return;
	w->result->proxy_mark = rule->mark.value;
	if (rule->mark.mask != UINT32_MAX)
		walk_note(w, WALK_PROXY_BITS);
}

static const char *never_by_mark(struct walk *w, const struct ipt_rule *rule, struct walk_state s)
{
	bool spares = rule->mark.used && rule->mark.value && w->own && s.stage <= WALK_OUT_NAT &&
		      !s.marks.packet;

	if (spares)
		note_proxy_mark(w, rule);
	if (marks_match(s.marks, rule))
		return NULL;
	return spares ? "the proxy's own packets have this mark" :
			"a flow that starts does not have this mark";
}

/* Own traffic has no such interface before it comes back by lo. */
static const char *never_by_interface(const struct ipt_rule *rule, bool came_back)
{
	if (came_back)
		return rule->not_in[0] && flows_in_covers(rule->not_in, "lo") ?
			       "own traffic comes back by lo" :
			       NULL;
	return rule->match.in[0] ? "a flow that leaves came by no interface" : NULL;
}

const char *walk_never(struct walk *w, const struct ipt_line *line, struct walk_state s)
{
	const struct ipt_rule *rule = &line->rule;
	const char *why = rule->never;

	if (!(rule->match.protos & (FLOWS_TCP | FLOWS_UDP)))
		return "only TCP and UDP are intercepted";
	if (rule->established && rule->match.protos & FLOWS_UDP &&
	    (rule->target == IPT_ACCEPT || rule->target == IPT_RETURN))
		w->established = true;
	if (!why && !w->own && asks_for_owner(rule))
		why = "flows that enter have no owner here";
	if (!why)
		why = never_by_addresses(w, rule);
	if (!why)
		why = never_by_mark(w, rule, s);
	if (!why && w->own)
		why = never_by_interface(rule, s.stage >= WALK_IN_RAW);
	return why;
}

/* ---- negated conditions ------------------------------------------------- */

/* Follows what is both in `step` and in `cut`. */
static int follow(struct walk *w, const struct walk_step *step, const struct flows *cut,
		  struct walk_state s)
{
	struct flows excluded __cleanup_flows = { 0 };
	int ret = flows_and(&step->flows, cut, &excluded);

	if (!ret && !flows_is_empty(&excluded))
		ret = walk_on(w, step->frame, &excluded, s);
	return ret < 0 ? ret : WALK_OPEN;
}

int walk_split(struct walk *w, struct walk_step *step, struct walk_state s)
{
	const struct ipt_rule *rule = &w->rules->lines[step->frame->line].rule;
	bool not_in = rule->not_in[0] && !w->own && strcmp(rule->not_in, "lo") != 0;
	struct flows cut __cleanup_flows = { 0 };
	int ret = 0;

	step->excluded = (not_in &&
			  (!strcmp(rule->not_in, "*") ||
			   (step->flows.in[0] && flows_in_covers(rule->not_in, step->flows.in)))) ||
			 (rule->not_cgroup && step->flows.cgroup &&
			  flows_cgroup_covers(rule->not_cgroup, step->flows.cgroup));
	if (step->excluded) {
		walk_fate(w, step->frame->line, IPT_NEEDLESS, "it can never match");
		return WALK_OPEN;
	}
	if (not_in || rule->not_cgroup)
		ret = flows_all(w->family, &cut);
	if (!ret && not_in) {
		snprintf(cut.in, sizeof(cut.in), "%s", rule->not_in);
		ret = follow(w, step, &cut, s);
		cut.in[0] = '\0';
	}
	if (!ret && rule->not_cgroup) {
		cut.cgroup = strdup(rule->not_cgroup);
		ret = cut.cgroup ? follow(w, step, &cut, s) : -ENOMEM;
	}
	return ret;
}
