/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/walk/walk.h"

#include <stdio.h>

#include "policy/import/walk/walking.h"

static bool marks_matter(const struct ruleset *rules, __u8 family)
{
	for (size_t i = 0; i < rules->n_lines; i++)
		if (rules->lines[i].family == family &&
		    (rules->lines[i].rule.mark.used || rules->lines[i].rule.connmark.used))
			return true;
	return false;
}

static int run(struct walk *w)
{
	struct flows all __cleanup_flows = { 0 };
	int err = flows_all(w->family, &all);

	w->marks_matter = marks_matter(w->rules, w->family);
	all.protos = FLOWS_TCP | FLOWS_UDP;
	if (w->own)
		snprintf(all.in, sizeof(all.in), "lo");
	return err ? err : walk_start(w, &all);
}

int walk_routed(struct ruleset *rules, __u8 family, struct walk_result *result)
{
	struct walk w = { .rules = rules, .family = family, .result = result };
	struct walk probe = { .rules = rules, .family = family, .result = result, .probe = true };
	int err = run(&w);

	return err ? err : run(&probe);
}

int walk_own(struct ruleset *rules, __u8 family, struct walk_result *result)
{
	struct walk w = { .rules = rules, .family = family, .result = result, .own = true };

	return run(&w);
}
