/* SPDX-License-Identifier: BSD-2-Clause */
/* Are the programs for own traffic on the cgroup and on lo, and does nothing come before them? */
#include <string.h>

#include "kernel/hook/chain.h"
#include "kernel/own/own_hook.h"
#include "loader/check/list.h"
#include "loader/check/own/checked.h"

/* ---- the cgroup --------------------------------------------------------- */

enum hook_state { HOOK_THERE, HOOK_GONE, HOOK_CGROUP_GONE };

/* The link stays when its cgroup is removed, but it is on none then. */
static enum hook_state state_of(const struct checkup *c, enum own_prog hook)
{
	__cleanup_close int fd = -1;
	char pin[64];

	if (own_hook_cgroup(&c->session->state, hook))
		return HOOK_THERE;
	snprintf(pin, sizeof(pin), "links/%s", own_prog_name(hook));
	fd = own_checked_open(c, pin);
	return fd < 0 ? HOOK_GONE : HOOK_CGROUP_GONE;
}

static void report_hooks(struct checkup *c, const char *first, unsigned int missing,
			 enum hook_state state)
{
	struct problem *p =
		problem_add(&c->problems, "own-hook-missing", VERDICT_BROKEN, "lo", NULL);

	if (state == HOOK_CGROUP_GONE)
		problem_text(p, "the cgroup of the hooks was removed: own traffic is not "
				"intercepted");
	else if (missing == 1)
		problem_text(p,
			     "the hook %s is missing: own traffic that it decides about is not "
			     "intercepted",
			     first);
	else
		problem_text(p,
			     "%u hooks are missing, %s and others: own traffic is not "
			     "intercepted",
			     missing, first);
	problem_next(p, "tproxy-loader attach --local");
}

static void check_cgroup(struct checkup *c)
{
	const char *first = NULL;
	enum hook_state worst = HOOK_THERE;
	unsigned int missing = 0;

	for (enum own_prog hook = 0; hook < OWN_HOOKS; hook++) {
		enum hook_state state = state_of(c, hook);

		if (state == HOOK_THERE)
			continue;
		missing++;
		if (!first)
			first = own_prog_name(hook);
		if (state > worst)
			worst = state;
	}
	if (missing)
		report_hooks(c, first, missing, worst);
	else
		checkup_evidence(c, "%d hooks", OWN_HOOKS);
}

/* ---- lo ----------------------------------------------------------------- */

static void report_missing(struct checkup *c)
{
	struct problem *p = problem_add(&c->problems, "own-lo-missing", VERDICT_BROKEN, "lo", NULL);

	problem_text(p, "our program is not on lo: own traffic that a rule takes gets no answer");
	problem_next(p, "tproxy-loader attach --local");
}

static void report_earlier(struct checkup *c, const struct chain_program *program)
{
	struct problem *p =
		problem_add(&c->problems, "own-earlier-program", VERDICT_DEGRADED, "lo", NULL);
	char text[128];

	problem_text(p,
		     "the %s runs before ours on lo: what it accepts, drops or redirects is not "
		     "intercepted",
		     chain_text(program, text, sizeof(text)));
	problem_next(p, "bpftool net show dev lo; remove it, unless it lets packets continue");
}

static void check_lo(struct checkup *c, const struct checked_iface *lo)
{
	const struct state *state = &c->session->state;
	struct hook_site site;
	struct after after;
	struct chain chain;
	enum hook hook;

	own_site_make(&site, &c->session->nl, state, NULL);
	hook = hook_present(&site);
	if (hook == HOOK_NONE) {
		report_missing(c);
		return;
	}
	after_read(state, OWN_IFINDEX, &after);
	chain_read(&site, &lo->device, hook, &after, &chain);
	if (chain_unknown(&chain))
		report_earlier(c, chain_unknown(&chain));
	if (chain.blind)
		checkup_unchecked(c, "the programs on lo cannot be read: %s",
				  strerror(-chain.blind));
	else
		checkup_evidence(c, "%s on lo", hook_names[hook]);
}

void check_own_hooks(struct checkup *c)
{
	const struct checked_iface *lo = checkup_own(c);

	if (!lo)
		return;
	check_cgroup(c);
	check_lo(c, lo);
}
