// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The probe: a packet that the loader sends to its own listener. One program puts it on an
 * interface as if it had just arrived there, one catches it at the listener before it is
 * answered, one watches where the kernel drops it. An object of its own: loaded for the time of
 * the probe and never pinned. Knows no map of the data path.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tproxy_probe.h"

#define TC_ACT_SHOT 2
#define BPF_F_INGRESS 1
#define BPF_HDR_START_NET 1

/* The loader writes the request and reads the outcome. */
struct probe_request request SEC(".data.request");
struct probe_outcome outcome SEC(".data.outcome");

/* The loader runs it once, with the packet. The copy is received on the interface. */
SEC("tc")
int tproxy_put(struct __sk_buff *skb)
{
	outcome.put = bpf_clone_redirect(skb, request.ifindex, BPF_F_INGRESS);
	return TC_ACT_SHOT;
}

/*
 * The socket filter of the loader's listener. Refuses all packets: the SYN has arrived, and must
 * not be answered (sk_filter_trim_cap runs before the listener makes a request socket).
 */
SEC("socket")
int tproxy_arrive(struct __sk_buff *skb)
{
	__u16 dport = 0;

	outcome.mark = skb->mark;
	/* To a socket filter the packet begins with its TCP or UDP header. */
	bpf_skb_load_bytes(skb, 2, &dport, sizeof(dport));
	outcome.dport = dport;
	if (request.family == PROBE_IPV4)
		bpf_skb_load_bytes_relative(skb, 16, outcome.dst, 4, BPF_HDR_START_NET);
	else
		bpf_skb_load_bytes_relative(skb, 24, outcome.dst, 16, BPF_HDR_START_NET);
	__sync_fetch_and_add(&outcome.arrived, 1);
	return 0;
}

struct sk_buff {
	unsigned char *head;
	__u16 network_header;
} __attribute__((preserve_access_index));

/*
 * Compares addresses and ports, which no other packet has. The probe has no IP options and no
 * extension headers.
 */
static __always_inline bool is_ours(const struct sk_buff *skb)
{
	const unsigned char *ip = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
	struct probe_tuple t = {};
	__u32 len = request.family == PROBE_IPV4 ? 8 : 32;

	if (bpf_probe_read_kernel(t.addrs, len, ip + (request.family == PROBE_IPV4 ? 12 : 8)) ||
	    bpf_probe_read_kernel(t.ports, sizeof(t.ports),
				  ip + (request.family == PROBE_IPV4 ? 20 : 40)))
		return false;
	for (int i = 0; i < 8; i++)
		if (t.addrs[i] != request.tuple.addrs[i])
			return false;
	return t.ports[0] == request.tuple.ports[0] && t.ports[1] == request.tuple.ports[1];
}

/* The arguments are (skb, location, reason) since 5.17, and one more since 6.11. */
SEC("raw_tp/kfree_skb")
int tproxy_drop(__u64 *ctx)
{
	__u32 at;

	if (!is_ours((const struct sk_buff *)ctx[0]))
		return 0;
	at = __sync_fetch_and_add(&outcome.drops, 1);
	if (at >= PROBE_DROPS)
		return 0;
	outcome.drop[at].location = ctx[1];
	outcome.drop[at].reason = (__u32)ctx[2];
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
