/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `trace` is shown: events of the data path, of the programs for own traffic, and of its own
 * program for drops of the kernel (bpf/trace.bpf.c), and which packets it asks for. Filter and totals
 * are part of a pinned map (tproxy_watch.h).
 */
#ifndef TPROXY_TRACE_H
#define TPROXY_TRACE_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define TRACE_NO_RULE 0xff

enum trace_kind {
	TRACE_PACKET, /* tproxy_ingress decided about a packet */
	TRACE_LOOKUP, /* tproxy_lookup chose a socket, or refused */
	TRACE_DROP,   /* the kernel dropped a packet */
	TRACE_CALL,   /* struct trace_call: the hooks of own traffic decided about a call */
	TRACE_OWN,    /* own_lo decided about a packet of this host */
	TRACE_KIND_MAX
};

/* Which flows are traced, in both directions. Addresses: IPv4 as ::ffff:a.b.c.d. */
struct trace_filter {
	__u32 src[4], src_mask[4]; /* of the client; network byte order */
	__u32 dst[4], dst_mask[4]; /* of the server */
	__be16 port;               /* of the server; 0: any */
	__u8 proto;                /* IPPROTO_TCP, _UDP, _ICMP (both families); 0: any */
	__u8 family;               /* AF_INET, AF_INET6; 0: both */
	__u8 flows;                /* 1: addresses or a port are given */
	__u8 zero[3];              /* padding */
};

/* What one packet says of its flow. */
struct trace_flow {
	__u8 src[16]; /* network byte order, IPv4 as ::ffff:a.b.c.d */
	__u8 dst[16]; /* the same */
	__be16 sport; /* 0 in a later fragment */
	__be16 dport;
	__u8 family; /* AF_INET, AF_INET6; 0: nothing is known */
	__u8 proto;
	__u8 zero[2]; /* padding */
};

struct trace_event {
	__u64 time;       /* CLOCK_MONOTONIC, ns */
	__u64 counters;   /* of enum tproxy_counter: those that this packet moved, as bits */
	__u64 cookie;     /* of the socket that was assigned; 0: none. TRACE_LOOKUP: see slot */
	__u64 location;   /* TRACE_DROP: kernel address of the code that freed the packet */
	__u32 reason;     /* TRACE_DROP: enum skb_drop_reason, numbers differ between kernels */
	__s32 result;     /* TRACE_PACKET, TRACE_OWN: TC code; TRACE_LOOKUP: SK code */
	__u32 ifindex;    /* where it came in; 0: it comes from this host, or nothing is known */
	__u32 out;        /* TRACE_DROP: where it was about to leave; 0: not known */
	__u32 mark_in;    /* packet mark before, TRACE_DROP: at the drop */
	__u32 mark_out;   /* and after */
	__u32 generation; /* of the policy that decided */
	__u32 len;        /* IP bytes */
	__u32 slot;       /* TRACE_LOOKUP: of the listener, in the socket map */
	__u32 zero32;     /* padding */
	struct trace_flow flow;
	struct trace_flow quoted; /* by an ICMP error, as its sender sent it; family 0: none */
	__u8 kind;                /* enum trace_kind */
	__u8 tcp_flags;
	__u8 frag; /* 1: first, 2: later fragment */
	__u8 rule; /* number, or TRACE_NO_RULE */
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 zero[2]; /* padding */
};

/* Why a call is left alone or refused, where no counter says so. */
enum trace_call_why {
	TRACE_WHY_COUNTED, /* the counters say it; without any, no rule takes the flow */
	TRACE_WHY_STAYS,   /* the destination, or the source, is of this host, or never routed */
	TRACE_WHY_TOKEN,   /* the destination is an address for our own use */
	TRACE_WHY_MARK,    /* the socket has the mark of proxies */
	TRACE_WHY_CGROUP,  /* the cgroup of the process is excluded */
	TRACE_WHY_PROCESS, /* the process is a proxy, or one has started it */
	TRACE_WHY_MAX
};

/*
 * connect, or a datagram that is sent without it, by a process of this host: no packet exists yet. The
 * source is what the socket is bound to. Ids are those of the first PID and user namespaces.
 */
struct trace_call {
	struct trace_event event; /* counters: that tell about the decision */
	__s32 result;             /* 1: a proxy gets it, 0: left alone; -errno: of the call */
	__u32 pid;                /* of the process */
	__u32 uid;
	__u32 gid;
	__u8 comm[16]; /* of the thread, as it names itself: hostile */
	__u8 why;      /* enum trace_call_why */
	__u8 sends;    /* 1: a datagram; 0: connect */
	__u8 zero[6];  /* padding */
};

/* matched = events in the ring buffer + lost. */
struct trace_totals {
	__u64 matched;    /* packets, look-ups, drops and other events for the session */
	__u64 lost;       /* of these: the ring buffer was full */
	__u64 unreadable; /* drops of packets whose headers are in pages, where they cannot be read */
};

#endif
