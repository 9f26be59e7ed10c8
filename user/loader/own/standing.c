/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/own/standing.h"

#include "kernel/own/exclude.h"
#include "lib/own_task.h"
#include "lib/util.h"

/* What a proxy starts belongs to it. */
static bool task_is_noted(const struct own_exclusion *x, pid_t pid)
{
	struct own_task task;

	for (int i = 0; i < TPROXY_OWN_ANCESTORS && pid > 0; i++) {
		if (!own_task_read(pid, &task) && own_task_is_excluded(x, &task))
			return true;
		pid = own_task_parent(pid);
	}
	return false;
}

static bool cgroup_is_in(int map, const struct own_sender *sender)
{
	for (size_t i = 0; i < sender->takes.n_cgroups && map >= 0; i++)
		if (own_cgroup_is_in(map, sender->cgroups[i]))
			return true;
	return false;
}

enum own_standing own_standing_of(const struct state *state, const struct own_sender *sender,
				  pid_t pid)
{
	struct own_exclusion x __cleanup_exclusion = OWN_EXCLUSION_CLOSED;

	if (own_exclusion_open(state, &x))
		return OWN_ORDINARY;
	if (cgroup_is_in(x.excluded, sender))
		return OWN_EXCLUDED_CGROUP;
	if (pid && task_is_noted(&x, pid))
		return OWN_EXCLUDED_TASK;
	return cgroup_is_in(x.included, sender) ? OWN_INCLUDED : OWN_ORDINARY;
}
