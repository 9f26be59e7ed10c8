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

struct trial_flow {
	__u8 proto;           /* IPPROTO_TCP, IPPROTO_UDP */
	struct endpoint src, dst;
	int ifindex;          /* it enters here */
};

enum trial_verdict {
	TRIAL_NONE,    /* no rule concerns it */
	TRIAL_PROXY,   /* a listener takes it */
	TRIAL_PASS,    /* left to the kernel by a rule */
	TRIAL_DROP,
	TRIAL_RESET,   /* refused */
	TRIAL_LOCAL,   /* for this host itself */
	TRIAL_OWNED,   /* a socket here has this flow already, or is bound to its destination */
	TRIAL_UNROUTED,
	TRIAL_OLDER,   /* a UDP flow that began before its rule, left alone */
	TRIAL_POOL,    /* this host's address stands for a server; the relay takes it */
	TRIAL_MAX
};
extern const char *const trial_verdict_names[TRIAL_MAX];

struct trial_result {
	enum trial_verdict verdict;
	int rule;               /* -1: none decided */
	bool no_listener;       /* the verdict is the rule's on-proxy-down */
	__u64 counters;         /* bit N: enum tproxy_counter N moved */
};

struct trial {
	struct tproxy_bpf *skel; /* owned */
	struct state maps;       /* those the trial runs on; descriptors are the skeleton's */
	int older;               /* live UDP flows that are left alone; -1: none. Not owned */
};
#define TRIAL_CLOSED { .maps = STATE_CLOSED, .older = -1 }

/*
 * live: its policy and sockets are asked; NULL for none. own_policy: only its sockets,
 * the policy maps are empty and the caller fills trial->maps. 0 or -errno.
 */
int trial_open(struct trial *trial, const struct state *live, bool own_policy);
int trial_run(const struct trial *trial, const struct trial_flow *flow,
	      struct trial_result *ret_result);
void trial_close(struct trial *trial);

#endif
