/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the first packet of a flow through the data path without sending it. The same programs run
 * on the same policy maps, but with counters of their own: no live counter changes, and those that
 * change show what happened to the packet. Watch sessions do not see it.
 */
#ifndef TPROXY_KERNEL_PROBE_SIMULATE_H
#define TPROXY_KERNEL_PROBE_SIMULATE_H

#include "kernel/state/state.h"
#include "lib/parse.h"

struct simulated_flow {
	__u8 proto; /* IPPROTO_TCP, IPPROTO_UDP */
	struct endpoint src, dst;
	int ifindex; /* where it enters */
};

enum simulate_verdict {
	SIMULATE_NONE,  /* no rule matches */
	SIMULATE_PROXY, /* a listener takes it */
	SIMULATE_PASS,  /* left to the kernel by a rule */
	SIMULATE_DROP,
	SIMULATE_RESET, /* refused */
	SIMULATE_LOCAL, /* to this host itself */
	SIMULATE_OWNED, /* a socket here has this flow already, or is bound to its destination */
	SIMULATE_UNROUTED,
	SIMULATE_OLDER, /* a UDP flow that began before its rule, left alone */
	SIMULATE_POOL,  /* to an address of a pool; the relay takes it */
	SIMULATE_AUDIT, /* forwarded, and counted */
	SIMULATE_MAX
};
extern const char *const simulate_verdict_names[SIMULATE_MAX];

struct simulate_result {
	enum simulate_verdict verdict;
	int rule;         /* that decided; -1: none */
	bool no_listener; /* the verdict is the rule's on-proxy-down */
	__u64 counters;   /* bit N: enum tproxy_counter N was bumped */
};

struct simulation {
	struct tproxy_bpf *skel; /* owned */
	struct state maps;       /* that it runs on; the skeleton owns the descriptors */
	int older;               /* the live map of older UDP flows; -1: none. Not owned */
};
#define SIMULATE_CLOSED                                                                            \
	{                                                                                          \
		.maps = STATE_CLOSED, .older = -1                                                  \
	}

/* With policy and sockets of this state. 0 or -errno. */
int simulate_open(struct simulation *simulation, const struct state *live);
/* With sockets of this state, or none (NULL). The caller fills the policy into simulation->maps. */
int simulate_open_empty(struct simulation *simulation, const struct state *live);
int simulate_run(const struct simulation *simulation, const struct simulated_flow *flow,
		 struct simulate_result *ret_result);
void simulate_close(struct simulation *simulation);

#endif
