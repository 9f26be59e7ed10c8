/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pool addresses: services of this host that stand for servers. Only sk_lookup sees
 * them, on the way to the host's own listeners; so it does not matter where the
 * client is, on an attached interface or on this host itself.
 */
#ifndef TPROXY_POOL_BPF_H
#define TPROXY_POOL_BPF_H

#include "match.bpf.h"
#include "steer.bpf.h"

static __always_inline bool is_pool(const struct tproxy_flow_key *flow)
{
	struct tproxy_pool_key key = { .port = flow->dport };
	const struct tproxy_config *cfg = get_config();
	__u32 slot;

	if (!cfg)
		return false;
	slot = cfg->generation & 1;
	__builtin_memcpy(key.addr, flow->dst, sizeof(key.addr));
	return live_lookup(pools, &slot, &key) != NULL;
}

#endif
