/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * UDP flows that are older than the rule they match. A proxy that takes such a flow over would
 * change the client's address for the server, so they pass until they have been idle. The loader
 * fills the map; this header looks flows up, renews their time and deletes idle ones.
 */
#ifndef TPROXY_OLDER_BPF_H
#define TPROXY_OLDER_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "maps.bpf.h"

/* Call it by the names below. A global function: the verifier walks it once. */
__noinline int older_find(const struct flow *f, __u32 renew)
{
	struct tproxy_flow_key key;
	struct tproxy_older *flow;
	__u64 now;

	if (!f)
		return 0;
	key = flow_key(f);
	flow = bpf_map_lookup_elem(&older, &key);
	if (!flow)
		return 0;
	now = bpf_ktime_get_ns();
	if (now - flow->seen < TPROXY_OLDER_IDLE_NS) {
		if (renew)
			flow->seen = now;
		return 1;
	}
	bpf_map_delete_elem(&older, &key);
	return 0;
}

static __always_inline bool older_is(const struct flow *f)
{
	return older_find(f, false);
}

/* The same, for a datagram of the flow: it is not idle. */
static __always_inline bool older_renew(const struct flow *f)
{
	return older_find(f, true);
}

#endif
