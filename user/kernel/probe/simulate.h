/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first packet of a flow, run through the data path without sending it. The same
 * programs on the same policy maps, but with counters of their own: nothing live
 * moves, and what moves tells which way the packet took.
 */
#ifndef TPROXY_KERNEL_PROBE_SIMULATE_H
#define TPROXY_KERNEL_PROBE_SIMULATE_H

#include "lib/parse.h"
#include "kernel/state/state.h"

struct simulated_flow {
	__u8 proto; /* IPPROTO_TCP, IPPROTO_UDP */
	struct endpoint src, dst;
	int ifindex; /* it enters here */
};

enum simulate_verdict {
	SIMULATE_NONE,  /* no rule concerns it */
	SIMULATE_PROXY, /* a listener takes it */
	SIMULATE_PASS,  /* left to the kernel by a rule */
	SIMULATE_DROP,
	SIMULATE_RESET, /* refused */
	SIMULATE_LOCAL, /* for this host itself */
	SIMULATE_OWNED, /* a socket here has this flow already, or is bound to its destination */
	SIMULATE_UNROUTED,
	SIMULATE_OLDER, /* a UDP flow that began before its rule, left alone */
	SIMULATE_POOL,  /* this host's address stands for a server; the relay takes it */
	SIMULATE_MAX
};
extern const char *const simulate_verdict_names[SIMULATE_MAX];

struct simulate_result {
	enum simulate_verdict verdict;
	int rule;         /* -1: none decided */
	bool no_listener; /* the verdict is the rule's on-proxy-down */
	__u64 counters;   /* bit N: enum tproxy_counter N moved */
};

struct simulation {
	struct tproxy_bpf *skel; /* owned */
	struct state maps;       /* those the trial runs on; descriptors are the skeleton's */
	int older;               /* live UDP flows that are left alone; -1: none. Not owned */
};
#define SIMULATE_CLOSED                                                                            \
	{                                                                                          \
		.maps = STATE_CLOSED, .older = -1                                                  \
	}

/*
 * live: its policy and sockets are asked; NULL for none. own_policy: only its sockets,
 * the policy maps are empty and the caller fills trial->maps. 0 or -errno.
 */
int simulate_open(struct simulation *simulation, const struct state *live, bool own_policy);
int simulate_run(const struct simulation *simulation, const struct simulated_flow *flow,
		 struct simulate_result *ret_result);
void simulate_close(struct simulation *simulation);

#endif
