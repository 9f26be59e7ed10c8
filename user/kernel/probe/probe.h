/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that a steered packet arrives: puts a packet on an interface as if it had just come in.
 * It meets the attached program, and then everything that a client's packet meets: other
 * programs, the mark, rules and routes, rp_filter, INPUT. The listener is our own and never
 * answers, so that the probe shows only in counters, in logs and in connection tracking. Its TTL
 * is 1: a host that does not deliver it does not forward it, and sends an ICMP error.
 */
#ifndef TPROXY_KERNEL_PROBE_PROBE_H
#define TPROXY_KERNEL_PROBE_PROBE_H

#include "kernel/state/state.h"
#include "lib/parse.h"

struct probe_flow {
	__u8 proto;          /* IPPROTO_TCP, IPPROTO_UDP */
	int ifindex;         /* where it comes in */
	struct endpoint src; /* port 0: probe_run chooses one */
	struct endpoint dst;
};

enum probe_result {
	PROBE_DELIVERED,
	PROBE_UNSEEN, /* our program did not meet it: not attached, or another one took it */
	PROBE_LOST,   /* our program steered it, and no socket got it */
	PROBE_MAX
};

struct probe_report {
	enum probe_result result;
	char why[64];        /* the kernel's reason, "NETFILTER_DROP"; empty: unknown */
	char where[64];      /* its function, "nft_do_chain"; empty: unknown */
	__u32 mark;          /* at the socket; 0: not delivered */
	struct endpoint dst; /* at the socket: differs from the sent one if it was rewritten */
};

/*
 * The caller holds the state's lock and is in its network namespace. Takes up to half a second.
 * 0, or -errno if nothing was found out. Needs CAP_BPF and CAP_NET_ADMIN; reason and function also
 * need CAP_PERFMON, BTF of the kernel and /proc/kallsyms.
 */
int probe_run(const struct state *state, const struct probe_flow *flow,
	      struct probe_report *ret_report);

#endif
