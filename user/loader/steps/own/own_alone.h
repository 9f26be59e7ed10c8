/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is left alone by the hooks: the proxies of the rules, and the cgroups and the mark that the
 * configuration names. Must not know how the hooks tell them.
 */
#ifndef TPROXY_LOADER_STEPS_OWN_OWN_ALONE_H
#define TPROXY_LOADER_STEPS_OWN_OWN_ALONE_H

#include "kernel/own/proxies.h"
#include "kernel/state/state.h"
#include "loader/steps/own/own_want.h"

/*
 * To be called after each change of the policy: another proxy may have become the one of a rule.
 * memory: of a caller that stays, else NULL. Does nothing without own traffic; reports its failure.
 */
void own_leave_proxies_alone(const struct state *state, struct own_proxies *memory);

/* Before the hooks are attached. 0, or a reported -errno. */
int own_leave_alone(const struct state *state, const struct own_want *want);

/* After the maps were made: notes programs that `run` has started before. Looks at every cgroup. */
void own_runs_find(const struct state *state);
/* Before the maps are removed: removes the cgroups of `run` that are empty. */
void own_runs_tidy(const struct state *state);

#endif
