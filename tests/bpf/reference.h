/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reference: what tproxy_ingress has to decide, in the plainest C. Rules are tried one by one,
 * sockets and prefixes searched in lists, every byte is read with its bounds checked. Written from
 * the description of the data path, without code of bpf/: where the two differ, one is wrong.
 *
 * It answers for BPF_PROG_TEST_RUN, where bpf_sk_assign always fails: a flow start that would be
 * assigned counts assign_failed, and the rule's on-proxy-down setting applies. Tickets for
 * sk_lookup are as in real life.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <linux/if_ether.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"
#include "tproxy.h"

struct ref_addr {
	__u8 family;
	__u8 bytes[16]; /* network byte order; IPv4 uses the first four */
};

struct ref_end {
	struct ref_addr addr;
	__u16 port; /* host byte order */
};

enum ref_kind {
	REF_BOUND,     /* TCP in LISTEN; UDP without a peer */
	REF_CONNECTED, /* a peer, and any state but the next */
	REF_TIME_WAIT,
};

struct ref_socket {
	enum ref_kind kind;
	__u8 proto;
	__u8 family;          /* an IPv6 socket may have IPv4 ends */
	struct ref_end local; /* all zero: the wildcard address of the socket's family */
	struct ref_end peer;
	bool sends_cookies; /* a listener that sent one lately, and so accepts them */
};

struct ref_iface {
	__u32 ifindex;
	__u8 mac[ETH_ALEN];
	tproxy_mask rules; /* in force here */
};

struct ref_route {
	struct prefix prefix;
	bool local;   /* in the local table, which is looked up first */
	bool forward; /* unicast: packets leave this host */
};

/* The ACK that a listener accepts by SYN cookie. */
struct ref_cookie {
	struct ref_end from, to;
	__u32 seq, ack; /* of the ACK, host byte order */
};

/* A datagram whose first fragment was kept or dropped. */
struct ref_fragment {
	struct ref_addr from, to;
	__u32 id;
	__u8 proto; /* 0 in IPv6, RFC 8200 4.5 */
	bool drop;
};

/* A UDP flow that is older than its rule. */
struct ref_older {
	struct ref_end from, to;
	bool idle; /* for more than a minute */
};

#define REF_MAX_SOCKETS 64
#define REF_MAX_ROUTES 128
#define REF_MAX_FRAGMENTS 4096
#define REF_PROXIED 65536 /* entries; the hash selects one, a newer flow overwrites it */
#define REF_NO_SOCKET (-1)

struct ref_world {
	__u32 mark, mask, df_mark;
	enum tproxy_unreadable unreadable;
	bool forwarding;
	struct ref_iface ifaces[2];
	const struct policy *policy;
	__u32 group[TPROXY_MAX_RULES]; /* of the rules without a proxy address */
	struct ref_addr own[8];        /* addresses in the local map */
	size_t n_own;
	struct ref_route routes[REF_MAX_ROUTES];
	size_t n_routes;
	struct ref_socket sockets[REF_MAX_SOCKETS];
	size_t n_sockets;
	/* Index in sockets, or REF_NO_SOCKET. */
	int registered[TPROXY_MAX_GROUPS][TPROXY_CLASS_MAX];
	struct ref_cookie cookies[4];
	size_t n_cookies;
	struct ref_older older[8];
	size_t n_older;
	bool always_cookies; /* tcp_syncookies=2: every listener answers every SYN by cookie */

	/* Packets change these, and sends_cookies above. */
	bool cookies_expected; /* a SYN has met such a listener */
	struct ref_fragment fragments[REF_MAX_FRAGMENTS];
	size_t n_fragments;
	struct tproxy_flow_key proxied[REF_PROXIED]; /* TCP flows given to a proxy */
};

struct ref_packet {
	const __u8 *at; /* Ethernet frame */
	size_t n;
	__u32 ifindex, mark;
	__u32 gso_size; /* not 0: several packets in one */
};

/* Every way out of the decision. */
#define REF_EXITS(X)                                                                               \
	X(NO_POLICY, "nothing configured")                                                         \
	X(NOT_FOR_HOST, "frame for another station")                                               \
	X(NOT_IP, "neither IPv4 nor IPv6")                                                         \
	X(VLAN, "tag of a VLAN")                                                                   \
	X(UNREADABLE_DROP, "unreadable, a rule concerns it, drop")                                 \
	X(UNREADABLE_PASS, "unreadable, a rule concerns it, pass")                                 \
	X(UNREADABLE_FREE, "unreadable, no rule concerns it")                                      \
	X(OTHER_PROTOCOL, "another upper protocol")                                                \
	X(STAYS_LOCAL, "destination that is never forwarded")                                      \
	X(ICMP_TO_US, "ICMP to this host")                                                         \
	X(ICMP_NO_ERROR, "ICMP, but no error")                                                     \
	X(ICMP_UNREADABLE, "ICMP error, quote of no use")                                          \
	X(ICMP_NOT_OWNED, "ICMP error of a flow that no socket owns")                              \
	X(ICMP_RULE, "ICMP error of what a proxy answers")                                         \
	X(ICMP_OWNED, "ICMP error of an owned flow")                                               \
	X(FRAG_NEXT, "later fragment, first one kept")                                             \
	X(FRAG_DROP, "later fragment, first one dropped")                                          \
	X(FRAG_UNKNOWN, "later fragment, unknown")                                                 \
	X(OWNED_TCP, "owned TCP flow")                                                             \
	X(OWNED_UDP, "owned UDP flow")                                                             \
	X(OWNED_TIME_WAIT, "TIME_WAIT, no SYN")                                                    \
	X(OWNED_COOKIE, "ACK with a cookie of a listener on a foreign address")                    \
	X(BOUND_TCP, "SYN to a listener on a foreign address")                                     \
	X(BOUND_UDP, "UDP socket on a foreign address, no rule")                                   \
	X(OLDER_FLOW, "TCP, neither SYN nor ACK, or no cookie expected")                           \
	X(PAST, "SYN-ACK of a flow that a rule names")                                             \
	X(LATE, "TCP, flow of a proxy whose socket is gone")                                       \
	X(NO_RULE, "no rule")                                                                      \
	X(ACK_OTHER_RULE, "ACK, rule without a proxy")                                             \
	X(ACK_NO_COOKIE, "ACK without a valid cookie")                                             \
	X(LOCAL_DST, "rule, but addressed to this host")                                           \
	X(RULE_PASS, "pass rule")                                                                  \
	X(RULE_DROP, "drop rule")                                                                  \
	X(RULE_AUDIT, "audit rule")                                                                \
	X(AUDIT_TTL, "audit rule, no way further")                                                 \
	X(RULE_RESET, "reset rule")                                                                \
	X(RULE_NO_RESET, "reset rule, cannot be refused")                                          \
	X(UNROUTED, "no route")                                                                    \
	X(OLDER_UDP, "rule, but the UDP flow is older")                                            \
	X(TTL, "to be steered, no way further")                                                    \
	X(TICKET, "left to sk_lookup")                                                             \
	X(TICKET_TIME_WAIT, "left to sk_lookup, TIME_WAIT")                                        \
	X(DOWN_DROP, "no listener, drop")                                                          \
	X(DOWN_PASS, "no listener, pass")                                                          \
	X(DOWN_RESET, "no listener, refused")                                                      \
	X(DOWN_NO_RESET, "no listener, cannot be refused")                                         \
	X(ASSIGN_DROP, "to be assigned, drop")                                                     \
	X(ASSIGN_PASS, "to be assigned, pass")                                                     \
	X(ASSIGN_RESET, "to be assigned, refused")                                                 \
	X(ASSIGN_NO_RESET, "to be assigned, cannot be refused")                                    \
	X(UNANSWERABLE_DROP, "signed SYN, drop")                                                   \
	X(UNANSWERABLE_PASS, "signed SYN, pass")                                                   \
	X(UNANSWERABLE_RESET, "signed SYN, refused")                                               \
	X(UNANSWERABLE_NO_RESET, "signed SYN, cannot be refused")                                  \
	X(TICKET_COOKIE, "ACK with a valid cookie, left to sk_lookup")

enum ref_exit {
#define X(symbol, meaning) REF_EXIT_##symbol,
	REF_EXITS(X)
#undef X
		REF_EXIT_MAX
};
extern const char *const ref_exit_names[REF_EXIT_MAX];

enum ref_verdict {
	REF_NEXT,
	REF_KEEP,
	REF_DROP,
	REF_REPLY,
};
extern const char *const ref_verdict_names[];

struct ref_answer {
	enum ref_exit exit;
	enum ref_verdict verdict;
	__u32 mark;
	__u64 counts; /* bit N: counter N rises by one */
	int rule;     /* whose statistics rise, or -1 */
	__u32 bytes;
	bool flow; /* the statistics count a flow start */
	bool ticket;
	int ticket_rule;
	__u32 ticket_slot, ticket_ways; /* one of so many slots from here on */
	struct tproxy_flow_key ticket_key;
};

struct ref_addr ref_addr_of(__u8 family, const void *bytes);
void ref_addr_map(const struct ref_addr *a, __u8 to[16]); /* IPv4 as ::ffff:a.b.c.d */
void ref_decide(struct ref_world *w, const struct ref_packet *p, struct ref_answer *ret_answer);

#endif
