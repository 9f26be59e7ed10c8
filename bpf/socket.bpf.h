/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets: references that are released by themselves, look-ups in the kernel's socket table, and
 * the note by which tproxy_lookup recognises these look-ups. Judges no socket.
 */
#ifndef TPROXY_SOCKET_BPF_H
#define TPROXY_SOCKET_BPF_H

#include "flow.bpf.h"
#include "proto.bpf.h"

static __always_inline void release(struct bpf_sock **s)
{
	if (*s)
		bpf_sk_release(*s);
}
#define __cleanup_sk __attribute__((cleanup(release)))

/*
 * The ports that each CPU is looking up at the moment, else 0. A look-up that finds no connection
 * runs tproxy_lookup, for every packet of every flow that passes. tproxy_lookup has no answer to
 * give there, and returns at once when it sees this note. Softirqs do not nest, and a preempted
 * look-up is taken for another one only if the ports are the same.
 *
 * Not a per-CPU map: with the branch for its NULL, Linux 6.1 walked the rest of the program four
 * times as often. The pin internal/asking goes by the name of the section.
 */
#define ASKING_CPUS 1024
struct {
	volatile __u32 ports;
} __attribute__((aligned(64))) asking[ASKING_CPUS] SEC(".data.asking");

/* Both in network byte order. */
static __always_inline __u32 asked_ports(__be16 sport, __be16 dport)
{
	return (__u32)sport << 16 | dport;
}

static __always_inline void set_asking(__u32 ports)
{
	asking[bpf_get_smp_processor_id() % ASKING_CPUS].ports = ports;
}

static __always_inline bool is_asking(__u32 ports)
{
	return asking[bpf_get_smp_processor_id() % ASKING_CPUS].ports == ports;
}

typedef struct bpf_sock *(*socket_helper)(void *ctx, struct bpf_sock_tuple *tuple, __u32 size,
					  __u64 netns, __u64 flags);

/*
 * helper: bpf_skc_lookup_tcp or one of its kind. ctx: of any program that has it. Returns a
 * reference, or NULL.
 */
static __always_inline struct bpf_sock *lookup_socket(socket_helper helper, void *ctx,
						      struct flow *f)
{
	struct bpf_sock *found;

	/* The tuple's size must be a constant in each call, or the verifier refuses it. */
	if (f->family == AF_INET) {
		set_asking(asked_ports(f->tuple.ipv4.sport, f->tuple.ipv4.dport));
		found = helper(ctx, &f->tuple, sizeof(f->tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	} else {
		set_asking(asked_ports(f->tuple.ipv6.sport, f->tuple.ipv6.dport));
		found = helper(ctx, &f->tuple, sizeof(f->tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	}
	set_asking(0);
	return found;
}

#endif
