/* SPDX-License-Identifier: BSD-2-Clause */
/* Where and why the kernel dropped a packet, in words: from its BTF and its symbols. */
#ifndef TPROXY_KERNEL_PROBE_DROPSITE_H
#define TPROXY_KERNEL_PROBE_DROPSITE_H

#include <linux/types.h>
#include <stddef.h>

/* Name of a value of enum skb_drop_reason, without its prefix; empty if it cannot be had. */
void dropsite_reason(__u32 reason, char *ret_name, size_t size);

/* The function that holds this address of the kernel; empty if it cannot be had. */
void dropsite_function(__u64 address, char *ret_name, size_t size);

#endif
