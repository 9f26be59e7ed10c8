/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/own/own_alone.h"

#include <string.h>

#include "kernel/own/paths.h"
#include "kernel/own/run_cgroup.h"
#include "lib/log.h"

static void warn(const char *text, void *arg)
{
	log_warn("%s", text);
}

void own_leave_proxies_alone(const struct state *state, struct own_proxies *memory)
{
	const struct own_proxies_report report = { .warn = warn };
	struct own_proxies once __cleanup_proxies = { 0 };
	int err = own_exclude_proxies(state, memory ? memory : &once, &report);

	if (err)
		log_warn("own traffic: cannot leave the proxies of rules alone: %s (their own "
			 "connections may come back to them: name their cgroups in own-exclude)",
			 strerror(-err));
}

static int set_paths(const struct state *state, const struct owner_set *cgroups)
{
	struct own_exclusion x __cleanup_exclusion = OWN_EXCLUSION_CLOSED;
	int err = own_exclusion_open(state, &x);

	if (!err)
		err = own_paths_set(state, &x, cgroups);
	if (err)
		log_error("own-exclude: %s (the cgroups of before are left alone)",
			  err == -E2BIG ? "too many cgroups" : strerror(-err));
	return err;
}

int own_leave_alone(const struct state *state, const struct own_want *want)
{
	int err = want->exclude ? set_paths(state, want->exclude) : 0;

	if (!err)
		own_leave_proxies_alone(state, want->proxies);
	return err;
}

void own_runs_find(const struct state *state)
{
	struct own_exclusion x __cleanup_exclusion = OWN_EXCLUSION_CLOSED;
	int err = own_exclusion_open(state, &x);

	if (!err)
		err = own_run_find(&x);
	if (err)
		log_warn("own traffic: cannot find the cgroups of run: %s (start the programs "
			 "again)",
			 strerror(-err));
}

void own_runs_tidy(const struct state *state)
{
	struct own_exclusion x __cleanup_exclusion = OWN_EXCLUSION_CLOSED;

	if (!own_exclusion_open(state, &x))
		own_run_tidy(&x);
}
