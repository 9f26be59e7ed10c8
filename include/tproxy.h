/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the BPF programs and user space: map keys and values, slots, counters,
 * names. Owns the pinned ABI. Nothing here is declared a second time elsewhere; nothing here is
 * code. All integers are in host byte order unless the type (__be16) or the comment says
 * otherwise.
 */
#ifndef TPROXY_H
#define TPROXY_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define TPROXY_ABI 3 /* changes when a pinned layout changes; the loader refuses another one */

#define TPROXY_DEFAULT_MARK 0x1000000u
#define TPROXY_DEFAULT_TABLE 15001u
/* The bit that is also set on datagrams which forbid fragments: the one after `mark`, or before. */
static inline __u32 tproxy_df_mark(__u32 mark)
{
	return mark == 1u << 31 ? mark >> 1 : mark << 1;
}

#define TPROXY_RULE_PREF 150u /* before l3mdev (1000), Tailscale (5200…), main (32766) */
/*
 * rtm_protocol and FRA_PROTOCOL of all rules and routes that we install. Neither the kernel
 * (rtnetlink.h), iproute2 (rt_protos) nor FRR, BIRD or OVN use 116. Older builds used 84, which
 * is OVN's. A rule or route with 84 is taken for ours, and replaced, only if mark and table are
 * exactly those of this state.
 */
#define TPROXY_RT_PROTOCOL 116
#define TPROXY_RT_PROTOCOL_OLD 84
#define TPROXY_TC_HANDLE 0x7402 /* of our clsact filter; if taken, the next free one */
#define TPROXY_RELAY_PORT 15002
#define TPROXY_RELAY_PORT_IN 15006

#define TPROXY_MAX_RULES 64
#define TPROXY_MAX_POOL_ENTRIES 4096
#define TPROXY_NAME_LEN 32   /* rule or pool name, NUL included */
#define TPROXY_IFNAME_LEN 16 /* IFNAMSIZ */
#define TPROXY_PROG_LEN 16   /* BPF_OBJ_NAME_LEN */

/*
 * The socket map has groups of slots, one for each proxy; group 0 is tproxy-relay. A group has
 * TPROXY_GROUP_WAYS slots for each class of listener. The program selects one of these by the
 * flow's hash, so a proxy fills all of them: with its workers' sockets in turn, or with one
 * socket.
 */
enum tproxy_class { TPROXY_TCP4, TPROXY_TCP6, TPROXY_UDP4, TPROXY_UDP6, TPROXY_CLASS_MAX };
#define TPROXY_GROUP_WAYS 16
#define TPROXY_GROUP_SLOTS (TPROXY_CLASS_MAX * TPROXY_GROUP_WAYS)
#define TPROXY_MAX_GROUPS 16
#define TPROXY_SOCKET_SLOTS (TPROXY_MAX_GROUPS * TPROXY_GROUP_SLOTS)
#define TPROXY_SLOT(group, cls, way)                                                               \
	(TPROXY_GROUP_SLOTS * (group) + TPROXY_GROUP_WAYS * (cls) + (way))

/*
 * The last groups belong to the program. It puts a listener that it found by address there when
 * only sk_lookup can assign it: one slot for each class and rule.
 */
#define TPROXY_FOUND_GROUP 12
#define TPROXY_FOUND_SLOT(cls, rule)                                                               \
	(TPROXY_SLOT(TPROXY_FOUND_GROUP, 0, 0) + TPROXY_MAX_RULES * (cls) + (rule))

/* The loader's own listener for a probe packet, in the group before: one slot for each class. */
#define TPROXY_PROBE_SLOT(cls) TPROXY_SLOT(TPROXY_FOUND_GROUP - 1, cls, 0)

/* A rule mask: bit N is rule N, 0…63. The lowest set bit of the AND of all dimensions decides. */
typedef __u64 tproxy_mask;

struct tproxy_lpm4 {
	__u32 prefixlen; /* bits, 0…32 */
	__u8 addr[4];    /* network byte order */
};

struct tproxy_lpm6 {
	__u32 prefixlen; /* bits, 0…128 */
	__u8 addr[16];   /* network byte order */
};

struct tproxy_port {
	__u8 proto;  /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 zero;   /* padding */
	__be16 port; /* 0: every port of the protocol */
};

enum tproxy_role {
	TPROXY_ROLE_POLICY = 1 << 0,     /* rules apply to flows that enter here */
	TPROXY_ROLE_DIVERT = 1 << 1,     /* packets for sockets on foreign addresses enter here */
	TPROXY_ROLE_LOCAL = 1 << 2,      /* of lo: rules apply to what this host sends itself */
	TPROXY_ROLE_MADE_QDISC = 1 << 8, /* attach created the clsact qdisc, detach removes it */
	TPROXY_ROLE_DRAINING = 1 << 9,   /* will be detached when its flows have ended */
};

struct tproxy_iface {
	tproxy_mask mask;             /* rules in force on this interface */
	__u32 roles;                  /* enum tproxy_role, OR */
	__u32 vrf;                    /* ifindex of its VRF when routing was set up, or 0 */
	__u8 name[TPROXY_IFNAME_LEN]; /* at attach time; kept when the device is gone */
};

enum tproxy_action {
	TPROXY_ACTION_NONE, /* unused entry */
	TPROXY_ACTION_PROXY,
	TPROXY_ACTION_PASS,
	TPROXY_ACTION_DROP,
	TPROXY_ACTION_RESET, /* refuse: TCP reset, or ICMP port unreachable */
	TPROXY_ACTION_AUDIT, /* forward, and count the flow in the map `audited` */
	TPROXY_ACTION_MAX
};

/* What a proxy rule does with a flow start when there is no listener. */
enum tproxy_on_down {
	TPROXY_ON_DOWN_DROP,
	TPROXY_ON_DOWN_PASS,
	TPROXY_ON_DOWN_RESET, /* TCP reset, or ICMP port unreachable */
	TPROXY_ON_DOWN_MAX
};

/* What a proxy rule does with a flow whose destination this host has no route to. */
enum tproxy_unrouted {
	TPROXY_UNROUTED_PASS,  /* left to the kernel, which sends the client an ICMP error */
	TPROXY_UNROUTED_PROXY, /* given to the proxy, which has a route of its own */
	TPROXY_UNROUTED_MAX
};

/* Does a rule match what this host sends itself, too, or nothing else? */
enum tproxy_local { TPROXY_LOCAL_NO, TPROXY_LOCAL_YES, TPROXY_LOCAL_ONLY, TPROXY_LOCAL_MAX };

/* What happens to a packet that cannot be read and may be TCP or UDP for a rule's addresses. */
enum tproxy_unreadable { TPROXY_UNREADABLE_DROP, TPROXY_UNREADABLE_PASS, TPROXY_UNREADABLE_MAX };

struct tproxy_rule {
	__u8 action;       /* enum tproxy_action */
	__u8 on_down;      /* enum tproxy_on_down */
	__be16 proxy_port; /* 0: registered sockets of `group`; else the listener is looked up */
	__u32 group;       /* socket group, 0…TPROXY_MAX_GROUPS-1, for proxy_port 0 */
	__u8 proxy4[4];    /* listener address for IPv4 flows, network byte order */
	__u8 proxy6[16];   /* listener address for IPv6 flows, network byte order */
	__u8 unrouted;     /* enum tproxy_unrouted */
	__u8 local;        /* enum tproxy_local; the masks in `ifaces` follow it */
	__u8 zero[2];      /* padding */
	__u8 name[TPROXY_NAME_LEN];
};

struct tproxy_rulestat {
	__u64 flows;   /* TCP flow starts that the rule decided */
	__u64 packets; /* packets that the rule decided: SYNs, and datagrams no socket owns */
	__u64 bytes;   /* IP bytes of these packets */
};

struct tproxy_config {
	__u32 abi;        /* TPROXY_ABI */
	__u32 generation; /* version of the policy; bit 0 selects the slot of the *_gen maps */
	__u32 mark;       /* bit(s) of the packet mark that we set on packets kept here */
	__u32 mask;       /* bits of the packet mark that are ours; mark is a subset */
	__u32 table;      /* routing table that delivers marked packets to this host */
	__u32 build;      /* CRC-32 of the BPF object whose programs are attached */
	__u64 netns;      /* inode of the network namespace that this state belongs to */
	__u32 df_mark;    /* set with `mark` on IPv4 datagrams kept here that have DF set */
	__u8 unreadable;  /* enum tproxy_unreadable */
	__u8 link_local;  /* 1: a rule names destinations in 169.254.0.0/16, so they are relayed */
	__u8 audit;       /* 1: a rule has the action audit */
	__u8 zero;        /* padding */
};

/* A flow, as packets of its client show it. */
struct tproxy_flow_key {
	__u8 proto;     /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 rule;      /* in the map `began`: number of the rule that took the flow; else 0 */
	__u16 instance; /* in the map `audited`: not 0 after a newer flow took its place; else 0 */
	__be16 sport;
	__be16 dport;
	__u8 src[16]; /* network byte order, IPv4 as ::ffff:a.b.c.d */
	__u8 dst[16]; /* the same */
};

/* By struct tproxy_flow_key. Written when a flow cannot be assigned in tc; read by sk_lookup. */
struct tproxy_ticket {
	__u32 slot; /* of the listener, in the socket map */
	__u32 rule; /* number of the rule that took the flow */
};

/* By struct tproxy_flow_key: a UDP flow that is older than the rule it matches. */
struct tproxy_older {
	__u64 seen; /* time of its latest datagram, CLOCK_MONOTONIC in ns */
};

#define TPROXY_MAX_OLDER 65536
#define TPROXY_OLDER_IDLE_NS (60 * 1000000000ULL) /* after that the flow follows the rule */

/*
 * By 2 * rule for TCP, 2 * rule + 1 for UDP: what became of the rule's latest flow starts. Of each
 * pair, [0] counts in the period `epoch`, [1] in the period before it. Times are
 * CLOCK_MONOTONIC in ns.
 */
struct tproxy_health {
	__u32 epoch;                 /* number of the period: time >> TPROXY_HEALTH_SHIFT */
	__u32 ifindex;               /* interface where `last` came in */
	__u32 started[2];            /* SYNs and datagrams that were given to a listener */
	__u32 delivered[2];          /* TCP: completed handshakes; UDP: always 0 */
	__u64 last_ns;               /* time of the latest start; 0: none yet */
	struct tproxy_flow_key last; /* the latest start */
	__u64 delivered_ns;          /* time of the latest completed handshake */
	__u64 since_ns;              /* time of the first start after that */
	__u32 since;                 /* number of starts after that */
	__u32 zero;                  /* padding */
};

#define TPROXY_HEALTH_SHIFT 35 /* a period of 2^35 ns, 34 s */
#define TPROXY_HEALTH_ENTRIES (2 * TPROXY_MAX_RULES)

/* The probe packet that the loader sends at the moment. No other packet can have its mark. */
struct tproxy_probe {
	__u32 mark; /* all 32 bits of the packet's mark; 0: no probe */
	__u32 cls;  /* enum tproxy_class */
	__u64 seen; /* number of probe packets that an attached program saw */
};

/* A datagram that arrives in fragments. */
struct tproxy_frag_key {
	__u8 src[16]; /* network byte order, IPv4 as ::ffff:a.b.c.d */
	__u8 dst[16]; /* the same */
	__u32 id;     /* IP identification, as in the packet */
	__u8 proto;   /* IPv4: its protocol; IPv6: 0 */
	__u8 zero[3]; /* padding */
};

/* What was done with the first fragment; the same is done with later ones. */
struct tproxy_frag {
	__u32 drop;    /* 1: dropped or refused, 0: kept here */
	__u32 counter; /* enum tproxy_counter, counted for each later one */
};

/* A service on an address of this host, TCP and UDP, which leads to a server. */
struct tproxy_pool_key {
	__u8 addr[16]; /* network byte order, IPv4 as ::ffff:a.b.c.d */
	__be16 port;   /* 1…65535 */
	__u8 zero[2];  /* padding */
};

/* The data path only asks whether there is one; tproxy-relay reads the server from its file. */
struct tproxy_pool {
	__u8 server[16]; /* network byte order, IPv4 as ::ffff:a.b.c.d */
	__be16 port;     /* of the server, 1…65535 */
	__u8 zero[2];    /* padding */
	__u8 name[TPROXY_NAME_LEN];
};

/* An address of this host. */
struct tproxy_local_key {
	__u8 addr[16]; /* network byte order, IPv4 as ::ffff:a.b.c.d */
};

/*
 * What `monitor` reports as it happens. The data path, and the loader by tproxy_report, write it to
 * the ring buffers of watch sessions (tproxy_watch.h). New types are added at the end, and fields
 * where there is room: monitors of other builds may read them.
 * X(symbol, name)
 */
#define TPROXY_EVENTS(X)                                                                           \
	X(AUDIT_BEGIN, "audit_begin") /* a flow that an audit rule forwards has begun */           \
	X(AUDIT_END, "audit_end")     /* it has ended: `reason` */                                 \
	X(ATTACHED, "attached")       /* by the loader, as all below: an interface */              \
	X(DETACHED, "detached")                                                                    \
	X(REPAIRED, "repaired")                                                                    \
	X(POLICY, "policy") /* another policy is live */                                           \
	X(CONFIRMED, "confirmed")                                                                  \
	X(ROLLED_BACK, "rolled_back")                                                              \
	X(ADOPTED, "adopted") /* a foreign program's listener: `text` */                           \
	X(RELEASED, "released")

enum tproxy_event_type {
#define X(symbol, name) TPROXY_EVENT_##symbol,
	TPROXY_EVENTS(X)
#undef X
		TPROXY_EVENT_MAX
};

#define TPROXY_NO_RULE 0xffffffff

struct tproxy_event {
	__u64 time_ns;               /* CLOCK_MONOTONIC */
	__u32 type;                  /* enum tproxy_event_type */
	__u32 ifindex;               /* 0: no interface is concerned */
	__u32 rule;                  /* number of the rule, or TPROXY_NO_RULE */
	__u32 reason;                /* AUDIT_END: enum tproxy_audit_end; else 0 */
	struct tproxy_flow_key flow; /* proto 0: no flow is concerned */
	__u64 bytes[2]; /* [0] by the client, [1] by the server; of a policy: [0] its generation */
	__u64 packets[2];
	__u8 text[TPROXY_NAME_LEN]; /* of the loader: an interface or a command; NUL included */
};

/* How an audited flow ended. X(symbol, name) */
#define TPROXY_AUDIT_ENDS(X)                                                                       \
	X(NONE, "open")                                                                            \
	X(CLIENT_FIN, "client-fin") /* both sides have closed; the client was first */             \
	X(SERVER_FIN, "server-fin")                                                                \
	X(CLIENT_RST, "client-rst")                                                                \
	X(SERVER_RST, "server-rst")                                                                \
	X(REUSED, "reused") /* a new flow began with the same addresses and ports */               \
	X(IDLE, "idle")

enum tproxy_audit_end {
#define X(symbol, name) TPROXY_AUDIT_##symbol,
	TPROXY_AUDIT_ENDS(X)
#undef X
		TPROXY_AUDIT_END_MAX
};

/* Of an audited flow. The flags come in pairs: this one for the client, the next for the server. */
enum tproxy_audited_flag {
	TPROXY_AUDITED_SEEN = 1 << 0,      /* TCP: a segment was seen; `first` is valid */
	TPROXY_AUDITED_FIN = 1 << 2,       /* it has sent its FIN */
	TPROXY_AUDITED_FIN_ACKED = 1 << 4, /* which the other side has acknowledged */
	TPROXY_AUDITED_FIN_FIRST = 1 << 6, /* before the other side's FIN */
	TPROXY_AUDITED_LOGGED = 1 << 8,    /* the begin was logged; not of a pair */
};

/*
 * By struct tproxy_flow_key: a flow that an audit rule forwards, or an ended one that is not logged
 * yet. Of the pairs [0] is the client's direction, [1] the server's. Times are CLOCK_MONOTONIC in
 * ns; sequence numbers are in host byte order.
 */
struct tproxy_audited {
	__u64 begin_ns;
	__u64 last_ns;    /* of the latest packet */
	__u64 bytes[2];   /* of data: TCP by sequence numbers, UDP by the length of datagrams */
	__u64 packets[2]; /* a fragmented datagram is one */
	__u32 first[2];   /* TCP: sequence number of the first byte */
	__u32 acked[2];   /* TCP: the highest number that the other side has acknowledged */
	__u32 final[2];   /* TCP: the number after the FIN, or that of the RST */
	__u32 ifindex;    /* where the flow entered */
	__u32 flags;      /* enum tproxy_audited_flag, OR */
	__u8 rule;        /* number of the rule at the begin */
	__u8 end;         /* enum tproxy_audit_end; NONE: it is open */
	__u8 asked_rule;  /* what `asked` matched; TPROXY_NOT_AUDITED: no audit rule */
	__u8 zero;        /* padding */
	__u32 asked;      /* TCP: as `first`, of a SYN that would begin another flow; 0: none */
	__u32 place;      /* by which the data path finds it in a full table */
	__u32 zero32;     /* padding */
};

#define TPROXY_NOT_AUDITED 0xff
#define TPROXY_MAX_AUDITED 131072
/* A flow without a packet for this time has ended. SYN: the server has not answered yet. */
#define TPROXY_AUDITED_TCP_IDLE_NS (2 * 3600 * 1000000000ULL)
#define TPROXY_AUDITED_SYN_IDLE_NS (60 * 1000000000ULL)
#define TPROXY_AUDITED_UDP_IDLE_NS (60 * 1000000000ULL)

/* For the program tproxy_audit: what the reader of `audited` did, or wants. */
enum tproxy_audit_op {
	TPROXY_AUDIT_OP_LOGGED, /* the begin is logged */
	TPROXY_AUDIT_OP_EXPIRE, /* if the flow is idle, it has ended */
	TPROXY_AUDIT_OP_DELETE, /* the end is logged */
};

struct tproxy_audit_request {
	struct tproxy_flow_key flow;
	__u64 begin_ns; /* of the flow that is meant; another one may have the key by now */
	__u32 op;       /* enum tproxy_audit_op */
	__u32 zero;     /* padding */
};

/*
 * A foreign program that may run before ours on an interface (attach --after). For the loader
 * only.
 */
struct tproxy_after_key {
	__u32 ifindex;
	__u32 zero;                 /* padding */
	__u8 name[TPROXY_PROG_LEN]; /* of the program, or "id:N" */
};
#define TPROXY_MAX_AFTER 256

/*
 * One counter for each way out of the data path but the plain "not ours".
 * X(symbol, name, meaning); names are part of the interface (`status`, JSON).
 */
#define TPROXY_COUNTERS(X)                                                                         \
	X(OWNED, "owned", "packets of flows that a local socket owns, kept here")                  \
	X(STEERED, "steered", "flow starts and datagrams handed to a proxy's listener")            \
	X(FOREIGN_LISTENER, "foreign_listener", "packets for a socket bound to a foreign address") \
	X(COOKIE, "syn_cookie", "handshake ACKs accepted by SYN cookie")                           \
	X(TIME_WAIT, "time_wait", "SYNs for a socket in TIME_WAIT: steered by sk_lookup")          \
	X(FRAG_FIRST, "frag_first", "first fragments of steered datagrams")                        \
	X(FRAG_NEXT, "frag_next", "later fragments of steered datagrams")                          \
	X(FRAG_DROP, "frag_drop", "later fragments of dropped datagrams: dropped")                 \
	X(FRAG_MISS, "frag_miss", "later fragments without a steered first one: left alone")       \
	X(ICMP_OWNED, "icmp_owned", "ICMP errors for flows that a local socket owns")              \
	X(LOOKUP, "lookup", "sockets chosen by sk_lookup")                                         \
	X(RULE_PASS, "rule_pass", "flow starts that a pass rule let through")                      \
	X(RULE_DROP, "rule_drop", "flow starts that a drop rule dropped")                          \
	X(LOCAL_DST, "local_dst", "matched, but addressed to this host: left alone")               \
	X(UNROUTED, "unrouted", "matched, but there is no route to the destination: left alone")   \
	X(FORGED_MARK, "forged_mark", "packets that arrived with our mark: cleared")               \
	X(SOURCE_ROUTE, "source_route", "unreadable: IPv4 source route")                           \
	X(MALFORMED, "malformed", "unreadable: truncated or malformed headers")                    \
	X(HIDDEN, "hidden", "unreadable: ports or flags hidden by fragments")                      \
	X(DOWN_DROP, "down_drop", "no listener: dropped")                                          \
	X(DOWN_PASS, "down_pass", "no listener: passed")                                           \
	X(DOWN_RESET, "down_reset", "no listener: refused with a reset or ICMP error")             \
	X(ASSIGN_FAILED, "assign_failed", "the kernel refused the listener: treated as down")      \
	X(NO_POLICY, "no_policy", "policy maps missing: left alone")                               \
	X(POOL, "pool", "look-ups for a pool address, answered with the relay's socket")           \
	X(POOL_DOWN, "pool_down", "look-ups for a pool address without the relay: refused")        \
	X(LATE, "late", "packets of flows that their proxy no longer has: reset")                  \
	X(HIDDEN_CHAIN, "hidden_chain", "unreadable: after more IPv6 headers than are read")       \
	X(ROUTING_HEADER, "routing_header", "unreadable: IPv6 routing header with segments left")  \
	X(FRAG_OVERLAP, "frag_overlap", "unreadable: TCP fragments that could rewrite flags")      \
	X(VLAN_TAGS, "vlan_tags", "unreadable: after more priority tags than are read")            \
	X(TTL, "ttl", "flow starts and datagrams whose TTL ends here: left to the kernel")         \
	X(LOOP, "loop", "flow starts that a socket of this host seems to have sent")               \
	X(UNANSWERABLE, "unanswerable",                                                            \
	  "SYNs only the server can answer (TCP MD5): treated as down")                            \
	X(OLDER, "older", "datagrams of UDP flows older than their rule: left alone")              \
	X(PAST, "past", "answers to flow starts that a rule covers and that bypassed us")          \
	X(RULE_RESET, "rule_reset",                                                                \
	  "flow starts that a reset rule refused with a reset or ICMP error")                      \
	X(RULE_AUDIT, "rule_audit", "flow starts that an audit rule let through and counts")       \
	X(AUDIT_FULL, "audit_full", "flow starts that were not audited: the table is full")        \
	X(AUDIT_LOST, "audit_lost", "audited flows that nobody logged in time: record dropped")    \
	X(OWN_FLOW, "own_flow", "sockets of this host whose connection a proxy gets")              \
	X(OWN_DATAGRAM, "own_datagram", "datagrams of unconnected sockets here that a proxy gets") \
	X(OWN_STALE, "own_stale", "marked packets of this host that no rule wants: sent directly") \
	X(OWN_DEVICE, "own_device", "sockets bound to a device: not proxied")                      \
	X(OWN_FULL, "own_full", "datagrams that found no free token: treated as down")             \
	X(OWN_WIRE, "own_wire", "packets for tokens that would have left this host: dropped")      \
	X(OWN_ANSWER, "own_answer", "datagrams of UDP services here to their clients: not proxied")

enum tproxy_counter {
#define X(symbol, name, meaning) TPROXY_COUNT_##symbol,
	TPROXY_COUNTERS(X)
#undef X
		TPROXY_COUNT_MAX
};
#define TPROXY_COUNT_ROOM 64 /* entries of the map; another counter does not change the ABI */

_Static_assert(TPROXY_FOUND_SLOT(TPROXY_CLASS_MAX, 0) == TPROXY_SLOT(TPROXY_MAX_GROUPS, 0, 0),
	       "slots of found listeners fill the map to its end");
_Static_assert(sizeof(struct tproxy_lpm4) == 8, "pinned ABI");
_Static_assert(sizeof(struct tproxy_lpm6) == 20, "pinned ABI");
_Static_assert(sizeof(struct tproxy_port) == 4, "pinned ABI");
_Static_assert(sizeof(struct tproxy_iface) == 32, "pinned ABI");
_Static_assert(sizeof(struct tproxy_rule) == 64, "pinned ABI");
_Static_assert(sizeof(struct tproxy_rulestat) == 24, "pinned ABI");
_Static_assert(sizeof(struct tproxy_config) == 40, "pinned ABI");
_Static_assert(sizeof(struct tproxy_flow_key) == 40, "pinned ABI");
_Static_assert(sizeof(struct tproxy_audited) == 96, "pinned ABI");
_Static_assert(sizeof(struct tproxy_health) == 96, "pinned ABI");
_Static_assert(sizeof(struct tproxy_probe) == 16, "pinned ABI");
_Static_assert(sizeof(struct tproxy_frag_key) == 40, "pinned ABI");
_Static_assert(sizeof(struct tproxy_pool_key) == 20, "pinned ABI");
_Static_assert(sizeof(struct tproxy_pool) == 52, "pinned ABI");
_Static_assert(sizeof(struct tproxy_after_key) == 24, "pinned ABI");
_Static_assert(sizeof(struct tproxy_audit_request) == 56, "relays of other builds send it");
_Static_assert(sizeof(struct tproxy_event) == 128, "monitors of other builds read it");
_Static_assert(TPROXY_COUNT_MAX <= TPROXY_COUNT_ROOM, "a set of counters is a __u64");

#endif /* TPROXY_H */
