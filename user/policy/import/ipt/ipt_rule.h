/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One rule of iptables: what the first packet of a flow must be for it, and what it does. No
 * chains, no I/O.
 */
#ifndef TPROXY_POLICY_IMPORT_IPT_IPT_RULE_H
#define TPROXY_POLICY_IMPORT_IPT_IPT_RULE_H

#include "lib/parse.h"
#include "policy/import/flow/flows.h"

#define IPT_NAME_LEN 64
#define IPT_WHY_LEN 160

enum ipt_target {
	IPT_NOTHING, /* no target, LOG …: the next rule follows */
	IPT_TPROXY,
	IPT_REDIRECT, /* also DNAT to an address of the loopback network */
	IPT_ACCEPT,
	IPT_RETURN,
	IPT_DROP,
	IPT_RESET,
	IPT_MARK,         /* the packet's mark becomes (mark & ~mask) ^ value */
	IPT_CONNMARK,     /* that of the connection */
	IPT_SAVE_MARK,    /* connmark = (connmark & ~mask) ^ (mark & from_mask) */
	IPT_RESTORE_MARK, /* the other way round */
	IPT_JUMP,
	IPT_GOTO,
	IPT_UNKNOWN, /* may decide, in a way that no rule of ours can */
};

/* -m mark, -m connmark. */
struct ipt_mark_test {
	bool used, invert;
	__u32 value, mask;
};

/* A condition about addresses of this host. */
enum ipt_own { IPT_OWN_EITHER, IPT_OWN_ONLY, IPT_OWN_NEVER };

struct ipt_rule {
	char chain[IPT_NAME_LEN];
	char target_name[IPT_NAME_LEN];
	char comment[IPT_NAME_LEN];
	enum ipt_target target;
	struct flows match; /* owned */
	/* Not these; empty: no such condition. A rule of ours cannot say it. */
	char not_in[TPROXY_IFNAME_LEN];
	char *not_cgroup; /* owned */
	enum ipt_own to_own, from_own;
	struct ipt_mark_test mark, connmark;
	bool established;             /* only packets of flows that had an answer */
	bool source_port;             /* it asks for one */
	bool socket;                  /* only packets that a socket here owns */
	const char *never;            /* why the first packet of a flow never matches; static */
	struct endpoint proxy;        /* TPROXY, REDIRECT */
	__u32 value, mask, from_mask; /* of marks; also what TPROXY sets */
	char why[IPT_WHY_LEN];        /* why it cannot be translated; empty: it can */
};

void ipt_rule_free(struct ipt_rule *rule);

#endif
