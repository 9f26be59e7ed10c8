/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Probe packets: the loader puts a packet of its own on an attached interface to see whether it
 * arrives. Recognises one and assigns the loader's listener. The programs that send and watch the
 * packet are another object, probe.bpf.c.
 */
#ifndef TPROXY_PROBED_BPF_H
#define TPROXY_PROBED_BPF_H

#include "maps.bpf.h"
#include "socket.bpf.h"
#include "tproxy.h"

/*
 * Returns 1 for a probe packet, which is counted and assigned: from here on it is treated like every
 * steered one. Recognised by its mark, which no sender outside can set. A global function: the
 * verifier walks it once.
 */
__noinline int take_probe(struct __sk_buff *skb)
{
	struct bpf_sock *s __cleanup_sk = NULL;
	struct tproxy_probe *p;
	__u32 key = 0;

	p = bpf_map_lookup_elem(&probe, &key);
	if (!p || !p->mark || skb->mark != p->mark)
		return 0;
	__sync_fetch_and_add(&p->seen, 1);
	key = TPROXY_PROBE_SLOT(p->cls % TPROXY_CLASS_MAX);
	s = bpf_map_lookup_elem(&socks, &key);
	if (s)
		bpf_sk_assign(skb, s, 0);
	return 1;
}

#endif
