/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the processes that hold the listeners of rules, the relay's and others', and has the programs
 * for own traffic leave them alone: a proxy must never be its own client. Must not know how proxies are
 * started.
 *
 * A listener on the port of a rule counts if it is transparent or of root: others may be anybody's.
 * Noted are: every process that holds such a listener, except for one that only passes it on (init,
 * and the parent of a holder that runs another program); and the parent of a holder that runs the same
 * program, as masters of workers do. The same holds for the proxies of this host that a relay connects
 * through. What these start later belongs to them (bpf/own_task.bpf.h).
 * If all processes in the cgroup of a holder are noted and it is the cgroup of a systemd service, then
 * the cgroup is noted, too, and whenever it is made again: so a restart leaves no gap.
 */
#ifndef TPROXY_KERNEL_OWN_PROXIES_H
#define TPROXY_KERNEL_OWN_PROXIES_H

#include "kernel/own/remade.h"
#include "kernel/own/service.h"
#include "kernel/own/upstreams.h"
#include "kernel/state/state.h"

/* What was found the last time. All 0: nothing yet. Commands that run once need no memory. */
struct own_proxies {
	__u64 seen;   /* hash of the listeners */
	__u64 warned; /* of those that were reported */
	unsigned int unchanged;
	struct own_upstreams upstreams; /* of relays */
	struct own_services services;   /* that are followed */
	struct own_remade remade;       /* cgroups of these, and of own-exclude */
};

void own_proxies_free(struct own_proxies *proxies);
#define __cleanup_proxies __attribute__((cleanup(own_proxies_free)))

/* A sentence for the user, "WHAT: WHY (NEXT STEP)". */
struct own_proxies_report {
	void (*warn)(const char *text, void *arg);
	void *arg;
};

/* For poll(2): readable when own_exclude_proxies is to be called at once; -1: never. */
int own_proxies_fd(const struct own_proxies *proxies);
/* After that, and before that call: the descriptor is no longer readable. */
void own_proxies_drain(const struct own_proxies *proxies);

/*
 * To be called before the hooks are attached, after every change of the policy, and again and again
 * by those who stay: cheap as long as the listeners are the same ones. 0, also if own traffic is not
 * attached or a process was not found, which is reported; or -errno. The cgroups of own-exclude are
 * looked up again as well (paths.h).
 */
int own_exclude_proxies(const struct state *state, struct own_proxies *proxies,
			const struct own_proxies_report *report);

#endif
