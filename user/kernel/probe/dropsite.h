/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for where and why the kernel dropped a packet, from its BTF and its symbols. */
#ifndef TPROXY_KERNEL_PROBE_DROPSITE_H
#define TPROXY_KERNEL_PROBE_DROPSITE_H

#include <linux/types.h>
#include <stddef.h>

/* Name of a value of enum skb_drop_reason, without its prefix; empty if it is unknown. */
void dropsite_reason(__u32 reason, char *ret_name, size_t size);

/* The kernel function at this address; empty if it is unknown. */
void dropsite_function(__u64 address, char *ret_name, size_t size);

#endif
