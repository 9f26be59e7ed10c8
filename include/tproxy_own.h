/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs for this host's own traffic and user space share. Part of the contract of
 * tproxy.h, with its rules: host byte order unless a comment says otherwise, and no code.
 */
#ifndef TPROXY_OWN_H
#define TPROXY_OWN_H

#include "tproxy.h"

#define TPROXY_OWN_DEFAULT_MARK 0x4000000u
/* Tokens: addresses, each of a destination of datagrams without a connection. This /16 for IPv4. */
#define TPROXY_OWN_TOKEN4 0x7f800000u
#define TPROXY_OWN_LEVELS 16 /* of nested cgroups that rules can name */
#define TPROXY_OWN_TOKENS 65536
#define TPROXY_OWN_MAX_TASKS 4096 /* processes of proxies */
#define TPROXY_OWN_ANCESTORS 4    /* a process and how many that started it, together */
#define TPROXY_OWN_TICKS 100      /* a second: USER_HZ, the unit of /proc/PID/stat */
/* A destination has a token in one set only, so that none needs a second map to be found. */
#define TPROXY_OWN_WAYS 8
/* So long datagrams to a token rely on what was found for the one before, some 17 ms. */
#define TPROXY_OWN_PERIOD(ns) ((__u16)((ns) >> 24))
/* A token that was used within this time keeps its destination: a corked datagram may wait. */
#define TPROXY_OWN_TOKEN_NS (10 * 1000000000ULL)

enum tproxy_own_flag {
	TPROXY_OWN_DENY_BOUND =
		1 << 0, /* refuse sockets that are bound to a device; else: direct */
};

/* The map own_config, entry 0. */
struct tproxy_own {
	__u64 netns;      /* cookie of the network namespace whose sockets are meant; 0: none */
	__u32 mark;       /* one bit of the packet mark, no other mark of ours */
	__u32 table;      /* routing table that leads marked packets to lo */
	__u32 flags;      /* enum tproxy_own_flag, OR */
	__u32 relay_mark; /* sockets with exactly this mark belong to a proxy; 0: none */
	__u8 token6[12];  /* the first 96 bits of IPv6 tokens, network byte order */
	/*
	 * Where packets leave that no rule wants any more, on a host that does not forward: there
	 * the programs cannot ask for the route. 0: they are dropped there.
	 */
	__u32 out4; /* ifindex of the default route */
	__u32 out6;
	__u32 zero; /* padding */
};

/*
 * Key of the map own_tasks, whose value is the time when the process was started, a __u64: ticks
 * since boot. The programs leave it alone, and the processes that it starts.
 */
struct tproxy_own_task {
	__u32 pid;   /* of the process (its thread group), as in its own PID namespace */
	__u32 pidns; /* inode number of that namespace, as of /proc/PID/ns/pid */
};

/* Who sends. One kind of condition that a rule can have beside the flow. */
enum tproxy_owner_kind {
	TPROXY_OWNER_UID,    /* the real one of the process, as id -ru prints it */
	TPROXY_OWNER_GID,    /* likewise, id -rg */
	TPROXY_OWNER_CGROUP, /* the cgroup v2 of the process, or one above it */
	TPROXY_OWNER_KIND_MAX
};

/*
 * The policy map `owners`: an LPM trie of struct tproxy_owner_key to tproxy_mask. prefixlen counts
 * `kind` to `id`: 32 means the kind alone, whose mask has the rules without such a condition; 96
 * means one id. A range of ids is several prefixes. Masks inherit from shorter prefixes, as those
 * of `dst4` do. Of cgroups all levels are looked up, and the masks are added.
 */
struct tproxy_owner_key {
	__u32 prefixlen; /* bits, 32…96 */
	__u8 kind;       /* enum tproxy_owner_kind */
	__u8 zero[3];
	__u8 id[8]; /* network byte order */
};

/*
 * What connect noted for a socket, in its local storage. After a new policy the rules are asked
 * again.
 */
struct tproxy_own_sock {
	__u32 rule;       /* number of the rule that took the flow */
	__u32 generation; /* of the policy at that time */
	__u32 uid;        /* of the process that called connect */
	__u32 gid;
	__u32 bound;                      /* 1: the socket had a source address before */
	__u32 zero;                       /* padding */
	__u64 cgroups[TPROXY_OWN_LEVELS]; /* of the process, by id, the root first, up to 0 */
};

/* By index, 0…TPROXY_OWN_TOKENS - 1: the destination of a token. */
struct tproxy_token {
	__u8 dst[16];  /* network byte order, IPv4 as ::ffff:a.b.c.d */
	__u64 last_ns; /* of the latest datagram, CLOCK_MONOTONIC; 0: the token is free */
	__u32 rule;    /* number of the rule that took it; TPROXY_NO_RULE: being written */
	/* When a listener was there, and a route: TPROXY_OWN_PERIOD, the low half, for both. */
	__u16 listener;
	__u16 route;
};

_Static_assert(sizeof(struct tproxy_own) == 48, "pinned ABI");
_Static_assert(sizeof(struct tproxy_own_task) == 8, "pinned ABI");
_Static_assert(sizeof(struct tproxy_owner_key) == 16, "pinned ABI");
_Static_assert(sizeof(struct tproxy_token) == 32, "pinned ABI");
_Static_assert(sizeof(struct tproxy_own_sock) == 152, "pinned ABI");

#endif
