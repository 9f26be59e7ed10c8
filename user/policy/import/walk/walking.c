/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/walk/walking.h"

#include <string.h>

#include "lib/util.h"

#define MAX_CHAIN_DEPTH 16
#define MAX_DEPTH 100 /* of the stack: marks that change along the way */
/* Chains that jump to each other many times would take years. */
#define MAX_STEPS 20000

/* ---- fates and drafts --------------------------------------------------- */

void walk_fate(struct walk *w, int at, enum ipt_fate fate, const char *why)
{
	if (!w->probe)
		ruleset_fate(&w->rules->lines[at], fate, why);
}

static bool decides(const struct ruleset *rules, const struct ipt_line *line, int depth)
{
	switch (line->rule.target) {
	case IPT_TPROXY:
	case IPT_REDIRECT:
	case IPT_DROP:
	case IPT_RESET:
	case IPT_UNKNOWN:
		return true;
	default:
		break;
	}
	if (line->to < 0 || depth == MAX_CHAIN_DEPTH)
		return false;
	for (int at = rules->chains[line->to].first; at >= 0; at = rules->lines[at].next)
		if (decides(rules, &rules->lines[at], depth + 1))
			return true;
	return false;
}

/* The line does not concern a flow that starts. What it dropped is not dropped by us. */
static void skip(struct walk *w, int at, const char *why)
{
	if (!w->probe && w->rules->lines[at].fate < IPT_LOST)
		walk_fate(w, at,
			  decides(w->rules, &w->rules->lines[at], 0) ? IPT_LOST : IPT_NEEDLESS,
			  why);
}

static int overflow(struct walk *w, int at)
{
	if (!(w->result->notes & 1u << WALK_TOO_LONG) && at >= 0)
		walk_fate(w, at, IPT_LEFT_OUT,
			  "too many paths through the chains: this line and all after it");
	walk_note(w, WALK_TOO_LONG);
	w->steps = MAX_STEPS;
	return WALK_CLOSED;
}

/* at: the line that decides; -1: none did. */
static int draft(struct walk *w, int at, const struct flows *flows, enum tproxy_action action)
{
	const struct ipt_rule *rule = at >= 0 ? &w->rules->lines[at].rule : NULL;
	struct draft like = { .line = at };
	int err;

	w->drafted = false;
	if (w->probe)
		return WALK_CLOSED;
	like.rule.action = action;
	like.rule.local = w->own ? TPROXY_LOCAL_ONLY : TPROXY_LOCAL_NO;
	if (rule)
		snprintf(like.rule.name, sizeof(like.rule.name), "%.31s", rule->comment);
	if (action == TPROXY_ACTION_PROXY)
		like.rule.proxy = rule->proxy;
	err = drafts_add(w->own ? &w->result->own : &w->result->routed, flows, &like);
	if (err == -ENOSPC)
		return overflow(w, at);
	w->drafted = err == DRAFT_ADDED;
	if (err == DRAFT_EMPTY && at >= 0)
		skip(w, at, "flows to such addresses are never intercepted");
	else if (err == DRAFT_DECIDED && at >= 0)
		walk_fate(w, at, IPT_NEEDLESS, "earlier lines decide about its flows");
	else if (err == DRAFT_ADDED && at >= 0)
		walk_fate(w, at, IPT_USED, "");
	return err < 0 ? err : WALK_CLOSED;
}

/* ---- from table to table ------------------------------------------------ */

static int next_stage(struct walk *w, const struct flows *flows, struct walk_state s);

static int end_of_chain(struct walk *w, const struct flows *flows, struct walk_state s)
{
	const struct ipt_chain *chain = walk_base_chain(w, s.stage);

	if (!chain || !chain->drops)
		return next_stage(w, flows, s);
	walk_note(w, WALK_POLICY_DROP);
	return draft(w, -1, flows, TPROXY_ACTION_DROP);
}

/* No line decides. The note is for flows that no earlier rule decides about. */
static int pass(struct walk *w, const struct flows *flows, enum walk_note note)
{
	int ret = draft(w, -1, flows, TPROXY_ACTION_PASS);

	if (w->drafted && note != WALK_NOTE_MAX)
		walk_note(w, note);
	return ret;
}

/* Own traffic leaves here, unless its mark leads to lo. */
static int leave(struct walk *w, const struct flows *flows, struct walk_state *s)
{
	if (marks_lead_to_lo(w->rules, w->family, s->marks.packet)) {
		s->came_back = true;
		return WALK_OPEN;
	}
	return pass(w, flows, s->marks.packet ? WALK_OTHER_MARK : WALK_NOTE_MAX);
}

static int next_stage(struct walk *w, const struct flows *flows, struct walk_state s)
{
	const struct ipt_chain *chain;
	int ret = WALK_OPEN;

	s.stage++;
	if (s.stage == WALK_END)
		return pass(w, flows, s.came_back ? WALK_NOT_TAKEN : WALK_NOTE_MAX);
	if (s.stage == WALK_IN_RAW && w->own)
		ret = leave(w, flows, &s);
	if (ret != WALK_OPEN)
		return ret;
	chain = walk_base_chain(w, s.stage);
	if (chain)
		ret = walk_lines(w, chain->first, NULL, flows, s);
	return ret == WALK_OPEN ? end_of_chain(w, flows, s) : ret;
}

int walk_on(struct walk *w, const struct walk_frame *from, const struct flows *flows,
	    struct walk_state s)
{
	int ret = WALK_OPEN;

	if (w->depth == MAX_DEPTH)
		return overflow(w, from ? from->line : -1);
	w->depth++;
	for (; from && ret == WALK_OPEN; from = from->up)
		ret = walk_lines(w, w->rules->lines[from->line].next, from->up, flows, s);
	if (ret == WALK_OPEN)
		ret = end_of_chain(w, flows, s);
	w->depth--;
	return ret;
}

int walk_start(struct walk *w, const struct flows *flows)
{
	/* The stage before the first one. */
	struct walk_state s = { .stage = w->own ? WALK_BEGIN : WALK_OUT_NAT };
	int ret = next_stage(w, flows, s);

	return ret < 0 ? ret : 0;
}

/* ---- targets ------------------------------------------------------------ */

static int decide(struct walk *w, const struct walk_step *step, enum tproxy_action action)
{
	int ret = draft(w, step->frame->line, &step->flows, action);

	return ret == WALK_CLOSED && !step->whole ? WALK_OPEN : ret;
}

static int take_proxy(struct walk *w, const struct walk_step *step, struct walk_state s)
{
	const struct ipt_rule *rule = &w->rules->lines[step->frame->line].rule;

	if (rule->target == IPT_REDIRECT) {
		walk_note(w, WALK_REDIRECT);
		if (step->flows.protos & FLOWS_UDP)
			walk_note(w, WALK_REDIRECT_UDP);
	} else if (!((s.marks.packet & ~rule->mask) ^ rule->value) && !w->has_mark_lines) {
		walk_note(w, WALK_NO_MARK);
	}
	if (rule->target == IPT_TPROXY && !rule->proxy.family && !w->own)
		walk_note(w, WALK_ANY_ADDRESS);
	if (w->probe)
		walk_note(w, WALK_OWN_ADDRESSES);
	if (w->established && step->flows.protos & FLOWS_UDP)
		walk_note(w, WALK_ESTABLISHED);
	return decide(w, step, TPROXY_ACTION_PROXY);
}

static int take_drop(struct walk *w, const struct walk_step *step, enum tproxy_action action)
{
	if (w->rules->lines[step->frame->line].rule.match.protos & FLOWS_OTHER)
		walk_note(w, WALK_OTHER_PROTOS);
	return decide(w, step, action);
}

/* It leaves the chain for the calling one. */
static int take_return(struct walk *w, const struct walk_step *step, struct walk_state s)
{
	int ret;

	walk_fate(w, step->frame->line, IPT_USED, "");
	if (step->whole)
		return WALK_RETURN;
	ret = walk_on(w, step->frame->up, &step->flows, s);
	return ret == WALK_CLOSED ? WALK_OPEN : ret;
}

static int take_accept(struct walk *w, const struct walk_step *step, struct walk_state s)
{
	int ret = next_stage(w, &step->flows, s);

	walk_fate(w, step->frame->line, IPT_USED, "");
	return ret == WALK_CLOSED && !step->whole ? WALK_OPEN : ret;
}

static int take_mark(struct walk *w, const struct walk_step *step, struct walk_state s)
{
	int ret, at = step->frame->line;
	struct marks after = marks_after(s.marks, &w->rules->lines[at].rule);

	w->has_mark_lines = true;
	if (!memcmp(&after, &s.marks, sizeof(after))) {
		walk_fate(w, at, IPT_NEEDLESS, "the mark of a flow that starts stays as it is");
		return WALK_OPEN;
	}
	if (!w->own && !w->marks_matter) {
		walk_fate(w, at, IPT_NEEDLESS, "no line asks for this mark");
		return WALK_OPEN;
	}
	walk_fate(w, at, IPT_USED, "");
	s.marks = after;
	ret = walk_on(w, step->frame, &step->flows, s);
	return ret == WALK_CLOSED && !step->whole ? WALK_OPEN : ret;
}

static int chain_depth(const struct walk_frame *frame)
{
	int depth = 0;

	for (; frame; frame = frame->up)
		depth++;
	return depth;
}

static int take_jump(struct walk *w, const struct walk_step *step, struct walk_state s)
{
	const struct ipt_line *line = &w->rules->lines[step->frame->line];
	bool go = line->rule.target == IPT_GOTO;
	int ret;

	if (chain_depth(step->frame) > MAX_CHAIN_DEPTH) {
		walk_fate(w, step->frame->line, IPT_LEFT_OUT, "chains are nested too deeply");
		return WALK_OPEN;
	}
	if (!go && w->rules->chains[line->to].first < 0) {
		walk_fate(w, step->frame->line, IPT_NEEDLESS, "its chain has no rules");
		return WALK_OPEN;
	}
	walk_fate(w, step->frame->line, IPT_USED, "");
	ret = walk_lines(w, w->rules->chains[line->to].first, go ? step->frame->up : step->frame,
			 &step->flows, s);
	if (go && ret == WALK_OPEN)
		return take_return(w, step, s);
	return ret == WALK_CLOSED && !step->whole ? WALK_OPEN : ret;
}

static int take_target(struct walk *w, const struct walk_step *step, struct walk_state s)
{
	switch (w->rules->lines[step->frame->line].rule.target) {
	case IPT_TPROXY:
	case IPT_REDIRECT:
		return take_proxy(w, step, s);
	case IPT_DROP:
		return take_drop(w, step, TPROXY_ACTION_DROP);
	case IPT_RESET:
		return take_drop(w, step, TPROXY_ACTION_RESET);
	case IPT_RETURN:
		return take_return(w, step, s);
	case IPT_ACCEPT:
		return take_accept(w, step, s);
	case IPT_JUMP:
	case IPT_GOTO:
		return take_jump(w, step, s);
	case IPT_UNKNOWN:
		walk_fate(w, step->frame->line, IPT_LEFT_OUT, "its target has no counterpart");
		return WALK_OPEN;
	case IPT_NOTHING:
		walk_fate(w, step->frame->line, IPT_NEEDLESS,
			  "it does not decide about flows: keep it if you need what it does");
		return WALK_OPEN;
	default:
		return take_mark(w, step, s);
	}
}

/* ---- lines -------------------------------------------------------------- */

static int take_step(struct walk *w, const struct walk_frame *frame, const struct flows *flows,
		     struct walk_state s)
{
	const struct ipt_rule *rule = &w->rules->lines[frame->line].rule;
	struct walk_step step = { .frame = frame };
	int ret = flows_and(flows, &rule->match, &step.flows);

	if (ret)
		return ret;
	step.whole = flows_equal(flows, &step.flows);
	if (flows_is_empty(&step.flows))
		walk_fate(w, frame->line, IPT_NEEDLESS, "it can never match");
	else
		ret = walk_split(w, &step, s);
	if (ret == WALK_OPEN && !flows_is_empty(&step.flows) && !step.excluded)
		ret = take_target(w, &step, s);
	flows_free(&step.flows);
	return ret;
}

static int take_line(struct walk *w, const struct walk_frame *frame, const struct flows *flows,
		     struct walk_state s)
{
	const struct ipt_line *line = &w->rules->lines[frame->line];
	const char *why;

	if (w->steps++ >= MAX_STEPS)
		return overflow(w, frame->line);
	if (line->rule.why[0]) {
		walk_fate(w, frame->line, IPT_LEFT_OUT, line->rule.why);
		return WALK_OPEN;
	}
	if (!walk_is_mine(w, line))
		return WALK_OPEN;
	why = walk_never(w, line, s);
	if (!why)
		return take_step(w, frame, flows, s);
	skip(w, frame->line, why);
	return WALK_OPEN;
}

int walk_lines(struct walk *w, int at, const struct walk_frame *up, const struct flows *flows,
	       struct walk_state s)
{
	int ret = WALK_OPEN;

	for (; at >= 0 && ret == WALK_OPEN; at = w->rules->lines[at].next)
		ret = take_line(w, &(struct walk_frame){ .line = at, .up = up }, flows, s);
	return ret == WALK_RETURN ? WALK_OPEN : ret;
}
