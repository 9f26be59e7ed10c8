/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tcx hook of a device (Linux 6.6): its programs in their order, and links at a chosen place.
 * Uses bpf(2) directly, as libbpf 1.1 does not support it. Reads and makes; decides nothing.
 */
#ifndef TPROXY_KERNEL_HOOK_TCX_H
#define TPROXY_KERNEL_HOOK_TCX_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/hook/side.h"

#define TCX_MAX 64 /* BPF_MPROG_MAX of the kernel */

struct tcx_program {
	__u32 prog_id;
	__u32 link_id; /* 0: attached without a link */
};

struct tcx_chain {
	struct tcx_program items[TCX_MAX]; /* in the order in which they run */
	size_t n;
};

/* Tries an attachment that must fail: the error shows whether the kernel has tcx. */
bool tcx_supported(void);

/* A side of a device of this namespace; empty where the kernel has no tcx. */
int tcx_query_side(int ifindex, enum hook_side side, struct tcx_chain *ret_chain);
/* The ingress. */
int tcx_query(int ifindex, struct tcx_chain *ret_chain);

/* A new link directly after the program of that id, or first (0). Descriptor or -errno. */
int tcx_link(int prog_fd, int ifindex, enum hook_side side, __u32 after);

/*
 * As tcx_link on the ingress, in place of the link `old`, which is detached. Every packet meets the
 * program, some may meet it twice.
 */
int tcx_relink(int old, int prog_fd, int ifindex, __u32 after);

#endif
