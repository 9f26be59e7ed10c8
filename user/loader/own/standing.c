/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/own/standing.h"

#include <string.h>

#include "kernel/own/exclude.h"
#include "lib/own_task.h"
#include "lib/util.h"

/* ---- a process ---------------------------------------------------------- */

/* Field 4 of its line; the name before it, in brackets, may have any characters. 0: none is known. */
static pid_t parent_of(pid_t pid)
{
	__cleanup_file FILE *file = NULL;
	__cleanup_free char *text = NULL;
	const char *after;
	char path[64];
	size_t room = 0;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file || getdelim(&text, &room, '\0', file) < 0)
		return 0;
	after = strrchr(text, ')');
	return after && sscanf(after, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* ---- the maps ----------------------------------------------------------- */

/* What a proxy starts belongs to it. */
static bool task_is_noted(const struct own_exclusion *x, pid_t pid)
{
	struct own_task task;

	for (int i = 0; i < TPROXY_OWN_ANCESTORS && pid > 0; i++) {
		if (!own_task_read(pid, &task) && own_task_is_excluded(x, &task))
			return true;
		pid = parent_of(pid);
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
