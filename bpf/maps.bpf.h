/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps that user space shares; pins and BTF names are a contract. What only the programs
 * remember is declared with its code: proxied, cookie, socket.
 *
 * The policy maps are inner maps: slot `generation & 1` of each outer *_gen map is live, so a
 * packet sees the old policy or the new one, never a mixture. Slot 0 is declared here and pinned
 * under the names that users know.
 */
#ifndef TPROXY_MAPS_BPF_H
#define TPROXY_MAPS_BPF_H

#include "local.bpf.h"
#include "tproxy.h"
#include "tproxy_own.h"

/*
 * A policy map and its outer map. Nine pairs differ in five values each, which would be hard to see
 * among a hundred equal lines.
 */
#define POLICY_MAP(map, map_type, flags, entries, key_type, value_type)                            \
	struct map##_map {                                                                         \
		__uint(type, map_type);                                                            \
		__uint(map_flags, flags);                                                          \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} map SEC(".maps");                                                                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                          \
		__uint(max_entries, 2);                                                            \
		__type(key, __u32);                                                                \
		__array(values, struct map##_map);                                                 \
	} map##_gen SEC(".maps") = { .values = { &map } }

#define MAX_PREFIXES (2 * 1024 * 1024)

POLICY_MAP(dst4, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, MAX_PREFIXES, struct tproxy_lpm4,
	   tproxy_mask);
POLICY_MAP(dst6, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, MAX_PREFIXES, struct tproxy_lpm6,
	   tproxy_mask);
POLICY_MAP(src4, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, MAX_PREFIXES, struct tproxy_lpm4,
	   tproxy_mask);
POLICY_MAP(src6, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, MAX_PREFIXES, struct tproxy_lpm6,
	   tproxy_mask);
POLICY_MAP(ports, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 2 * 65536, struct tproxy_port, tproxy_mask);
POLICY_MAP(ifaces, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 4096, __u32, struct tproxy_iface);
POLICY_MAP(pools, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, TPROXY_MAX_POOL_ENTRIES,
	   struct tproxy_pool_key, struct tproxy_pool);
POLICY_MAP(owners, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, 65536, struct tproxy_owner_key,
	   tproxy_mask);
POLICY_MAP(rules, BPF_MAP_TYPE_ARRAY, 0, TPROXY_MAX_RULES, __u32, struct tproxy_rule);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tproxy_config);
} config SEC(".maps");

static __always_inline const struct tproxy_config *get_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&config, &zero);
}

/* Slot of the outer maps (…_gen) that holds the live policy. */
static __always_inline __u32 live_slot(const struct tproxy_config *cfg)
{
	return cfg->generation & 1;
}

static __always_inline void *live_lookup(void *outer, const __u32 *slot, const void *key)
{
	void *inner = bpf_map_lookup_elem(outer, slot);

	return inner ? bpf_map_lookup_elem(inner, key) : NULL;
}

/* Listeners, by TPROXY_SLOT. Values of 8 bytes: user space reads socket cookies. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, TPROXY_SOCKET_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} socks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TPROXY_COUNT_ROOM);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TPROXY_MAX_RULES);
	__type(key, __u32);
	__type(value, struct tproxy_rulestat);
} rulestats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TPROXY_HEALTH_ENTRIES);
	__type(key, __u32);
	__type(value, struct tproxy_health);
} health SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tproxy_probe);
} probe SEC(".maps");

/* Flow starts that sk_lookup has to give to their listener. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct tproxy_flow_key);
	__type(value, struct tproxy_ticket);
} tickets SEC(".maps");

/* Datagrams whose first fragment was kept or dropped here. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct tproxy_frag_key);
	__type(value, struct tproxy_frag);
} frags SEC(".maps");

/*
 * UDP flows that are older than the rule they match. The loader learns them; the data path keeps
 * the time of the latest datagram and deletes flows that were idle for long.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TPROXY_MAX_OLDER);
	__type(key, struct tproxy_flow_key);
	__type(value, struct tproxy_older);
} older SEC(".maps");

/* Flows that audit rules forward. The relay's helper logs and deletes those that have ended. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TPROXY_MAX_AUDITED);
	__type(key, struct tproxy_flow_key);
	__type(value, struct tproxy_audited);
} audited SEC(".maps");

/* Programs that may run before ours. For the loader only. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TPROXY_MAX_AFTER);
	__type(key, struct tproxy_after_key);
	__type(value, __u8);
} after SEC(".maps");

#endif
