/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the tables of the older iptables and ip6tables by getsockopt, as iptables-legacy does.
 * legacy.c asks the kernel, legacy_parse.c reads its answer.
 */
#ifndef TPROXY_KERNEL_NETFILTER_XT_LEGACY_H
#define TPROXY_KERNEL_NETFILTER_XT_LEGACY_H

#include "kernel/netfilter/build.h"

#define LEGACY_HOOKS 5

/* Only tables that exist: to ask for another one would make it. 0 or -errno. */
int legacy_read(struct firewall *fw);

/* What the kernel gives out of one table. */
struct legacy_table {
	__u8 family; /* NFPROTO_IPV4, NFPROTO_IPV6 */
	const char *name;
	__u32 hooks;                                        /* valid ones, as bits */
	__u32 entry[LEGACY_HOOKS], underflow[LEGACY_HOOKS]; /* offsets */
	const __u8 *entries;
	size_t size;
};
/* 0, or -EBADMSG: these are no entries. */
int legacy_parse(struct firewall *fw, const struct legacy_table *table);

#endif
