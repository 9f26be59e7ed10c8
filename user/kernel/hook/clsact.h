/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters of a device, on either side. They are children of a clsact or an ingress qdisc, of which a
 * device can have only one. Reads and makes filters; decides nothing, and knows no program.
 */
#ifndef TPROXY_KERNEL_HOOK_CLSACT_H
#define TPROXY_KERNEL_HOOK_CLSACT_H

#include <stddef.h>

#include "kernel/hook/side.h"
#include "lib/netlink.h"

struct clsact_filter {
	__u32 priority;  /* smaller runs earlier; of one priority, the newest BPF program first */
	__be16 protocol; /* one for each priority; ours has ETH_P_ALL */
	__u32 handle;    /* 0: of a kind that is listed once for each priority */
	__u32 prog_id;   /* 0: not a BPF program */
	char kind[16];   /* "bpf", "u32", "flower", … */
	char name[32];   /* that the owner of a BPF program gave it */
};

struct clsact_list {
	struct clsact_filter *items; /* owned; in the order in which they run */
	size_t n, room;
};

/* The filters of chain 0, which packets meet first. */
int clsact_filters_side(struct nl *nl, int ifindex, enum hook_side side,
			struct clsact_list *ret_list);
/* Those of the ingress. */
int clsact_filters(struct nl *nl, int ifindex, struct clsact_list *ret_list);
void clsact_free(struct clsact_list *list);
#define __cleanup_clsact __attribute__((cleanup(clsact_free)))

/* Makes the qdisc if there is none. */
int clsact_attach(int ifindex, enum hook_side side, int prog_fd, __u32 priority, __u32 handle);
/* In place of the filter with this priority and handle, without a gap. */
int clsact_replace(int ifindex, enum hook_side side, int prog_fd, __u32 priority, __u32 handle);
int clsact_detach(int ifindex, enum hook_side side, __u32 priority, __u32 handle);

/* Is there a qdisc for ingress filters, of either kind? */
bool clsact_present(struct nl *nl, int ifindex);
/* Removes a clsact qdisc if no filter is left on it. */
int clsact_remove_if_empty(struct nl *nl, int ifindex);

#endif
