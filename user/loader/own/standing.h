/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the data path leaves a process alone, as it does proxies, or takes it for one that all
 * rules are meant for. Reads the maps; must not know rules.
 */
#ifndef TPROXY_LOADER_OWN_STANDING_H
#define TPROXY_LOADER_OWN_STANDING_H

#include "kernel/state/state.h"
#include "loader/own/sender.h"

enum own_standing {
	OWN_ORDINARY,        /* the rules decide */
	OWN_EXCLUDED_CGROUP, /* it is in a cgroup that is left alone */
	OWN_EXCLUDED_TASK,   /* it, or who started it, is noted as a proxy */
	OWN_INCLUDED         /* it is in a cgroup for which all rules are meant */
};

/* sender: its cgroups; pid: of the process, 0: none is known. */
enum own_standing own_standing_of(const struct state *state, const struct own_sender *sender,
				  pid_t pid);

#endif
