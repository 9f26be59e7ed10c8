/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pool addresses: services of this host, each of which leads to a server. Only sk_lookup asks for
 * them, where the kernel looks for a listener of this host. So it does not matter whether the
 * client is beyond an attached interface or on this host itself. Knows no socket.
 */
#ifndef TPROXY_POOL_BPF_H
#define TPROXY_POOL_BPF_H

#include "maps.bpf.h"
#include "match.bpf.h"
#include "tproxy.h"

static __always_inline bool is_pool(const struct tproxy_flow_key *flow)
{
	struct tproxy_pool_key key = { .port = flow->dport };
	const struct tproxy_config *cfg = get_config();
	__u32 slot;

	if (!cfg)
		return false;
	slot = live_slot(cfg);
	__builtin_memcpy(key.addr, flow->dst, sizeof(key.addr));
	return live_lookup(&pools_gen, &slot, &key) != NULL;
}

#endif
