/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The proof that a steered packet arrives: one is put on an interface as if it had just come
 * in. It meets the attached program, and from there on all that a client's packet meets: other
 * programs, the mark, rules and routes, rp_filter, INPUT. The listener is our own and answers
 * nothing, so that no trace stays but in counters, logs and the connection tracking of others.
 * With TTL 1 it goes no further where nobody keeps it; the kernel then tells its sender so.
 */
#ifndef TPROXY_KERNEL_PROBE_PROBE_H
#define TPROXY_KERNEL_PROBE_PROBE_H

#include "lib/parse.h"
#include "kernel/state/state.h"

struct probe_flow {
	__u8 proto;          /* IPPROTO_TCP, IPPROTO_UDP */
	int ifindex;         /* it comes in here */
	struct endpoint src; /* port 0: one is chosen */
	struct endpoint dst;
};

enum probe_result {
	PROBE_DELIVERED,
	PROBE_UNSEEN, /* our program did not meet it: somebody took it before, or we are not there */
	PROBE_LOST,   /* our program kept it, and no socket got it */
	PROBE_MAX
};

struct probe_report {
	enum probe_result result;
	char why[64];        /* the kernel's reason, "NETFILTER_DROP"; empty: it does not say */
	char where[64];      /* its function, "nft_do_chain"; empty as above */
	__u32 mark;          /* at the socket; 0: not delivered */
	struct endpoint dst; /* there, too: another one than was sent, if somebody rewrote it */
};

/*
 * The state's lock is the caller's, and so is the network namespace. Takes up to half a second.
 * 0 or -errno: then nothing is known. It takes CAP_BPF and CAP_NET_ADMIN; reason and function
 * also CAP_PERFMON, BTF of the kernel and /proc/kallsyms.
 */
int probe_run(const struct state *state, const struct probe_flow *flow,
	      struct probe_report *ret_report);

#endif
