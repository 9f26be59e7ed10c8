/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps of the programs for this host's own traffic. All others are those of maps.bpf.h, which
 * user space shares between the two objects.
 */
#ifndef TPROXY_OWN_MAPS_BPF_H
#define TPROXY_OWN_MAPS_BPF_H

#include "maps.bpf.h"
#include "tproxy_own.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tproxy_own);
} own_config SEC(".maps");

/* cgroups whose processes are left alone, by id; the value is unused. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u8);
} own_excluded SEC(".maps");

/* cgroups whose processes meet the conditions of all rules on users, groups and cgroups. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u8);
} own_included SEC(".maps");

/* Processes that are left alone, with those they start: proxies. The value: when it was started. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TPROXY_OWN_MAX_TASKS);
	__type(key, struct tproxy_own_task);
	__type(value, __u64);
} own_tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tproxy_own_sock);
} own_sock SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TPROXY_OWN_TOKENS);
	__type(key, __u32);
	__type(value, struct tproxy_token);
} tokens SEC(".maps");

static __always_inline const struct tproxy_own *get_own(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&own_config, &zero);
}

#endif
