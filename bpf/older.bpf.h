/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * UDP flows that were under way before a rule took their port. A proxy in the middle of them
 * would change the address that the server knows; they stay where they are until they have
 * been idle. The loader learns them; this only asks, and keeps the time.
 */
#ifndef TPROXY_OLDER_BPF_H
#define TPROXY_OLDER_BPF_H

#include "addr.bpf.h"

enum older_how {
	OLDER_ASK,
	OLDER_RENEW, /* a datagram of the flow keeps it here for another while */
};

/* A global function: the verifier walks it once. */
__noinline int is_older(const struct flow *f, enum older_how how)
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
		if (how == OLDER_RENEW)
			flow->seen = now;
		return 1;
	}
	bpf_map_delete_elem(&older, &key);
	return 0;
}

#endif
