/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counters: for each packet that is not simply left alone, the reason; for each rule, what it
 * decided. Knows no packet.
 */
#ifndef TPROXY_COUNT_BPF_H
#define TPROXY_COUNT_BPF_H

#include "maps.bpf.h"
#include "tproxy.h"

static __always_inline void count(enum tproxy_counter which)
{
	__u32 key = which;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	if (value)
		(*value)++; /* no atomic: per CPU, and tc runs with bottom halves off */
}

/* bytes: of the IP packet. */
static __always_inline void count_rule(__u32 rule, __u32 bytes, bool flow_start)
{
	struct tproxy_rulestat *stat = bpf_map_lookup_elem(&rulestats, &rule);

	if (!stat)
		return;
	stat->flows += flow_start;
	stat->packets++;
	stat->bytes += bytes;
}

#endif
