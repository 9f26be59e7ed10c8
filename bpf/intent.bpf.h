/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What to do with a TCP segment or a UDP datagram, as far as its headers and the socket table say:
 * leave it alone, keep it, or ask the rules. Notes completed handshakes, and answers to flow starts
 * that bypassed this host. Does not choose or carry out a rule.
 */
#ifndef TPROXY_INTENT_BPF_H
#define TPROXY_INTENT_BPF_H

#include "cookie.bpf.h"
#include "count.bpf.h"
#include "flow.bpf.h"
#include "health.bpf.h"
#include "maps.bpf.h"
#include "match.bpf.h"
#include "owner.bpf.h"
#include "proto.bpf.h"
#include "proxied.bpf.h"
#include "steer.bpf.h"
#include "tproxy.h"

struct intent {
	enum {
		INTENT_LEAVE,
		INTENT_KEEP,      /* count `why` */
		INTENT_ASK_RULES, /* then steer by `how`, count `why` */
	} what;
	enum steer_how how;
	enum tproxy_counter why;
	bool keep_without_rule; /* a socket is bound to exactly this destination */
};

/*
 * An answer to a flow start, for a flow that no socket here owns: would a rule of this interface
 * have taken the flow, had its start come in here? A global function: the verifier walks it once.
 */
__noinline int answers_missed_start(struct __sk_buff *skb, const struct flow *f)
{
	const struct tproxy_config *cfg = get_config();
	struct flow start = {};
	struct match m;

	if (!cfg || !f)
		return 0;
	reverse_flow(f, &start);
	m = match(skb, cfg, &start);
	return m.rule && m.rule->action != TPROXY_ACTION_PASS &&
	       m.rule->action != TPROXY_ACTION_AUDIT;
}

/*
 * A flow to this host's own address is kept like any other flow that a socket owns: the local
 * table delivers it before our ip rule is reached. A look-up of the address here would add 50 ns
 * to the 280 ns of every packet of every relayed flow.
 */
static __always_inline struct intent tcp_intent(struct __sk_buff *skb, struct flow *f)
{
	__u8 flags = tcp_control(f);
	struct intent i = { .what = INTENT_ASK_RULES, .why = TPROXY_COUNT_STEERED };
	enum owner owner = tcp_owner(skb, f);

	if (owner == OWNER_REQUEST && flags == TCP_ACK)
		health_note_handshake(f);
	if (owner == OWNER_FLOW || owner == OWNER_REQUEST ||
	    (owner == OWNER_TIME_WAIT && flags != TCP_SYN)) {
		i.what = INTENT_KEEP;
		i.why = TPROXY_COUNT_OWNED;
	} else if (owner == OWNER_FOREIGN_LISTENER && flags == TCP_SYN) {
		i.what = INTENT_KEEP;
		i.why = TPROXY_COUNT_FOREIGN_LISTENER;
	} else if (owner == OWNER_TIME_WAIT) {
		/* The kernel ignores an assigned socket here, and looks for a listener itself. */
		i.how = STEER_TICKET;
		i.why = TPROXY_COUNT_TIME_WAIT;
	} else if (flags == TCP_SYN) {
		i.how = f->frag ? STEER_TICKET : STEER_ASSIGN;
	} else if (flags == TCP_ACK && !f->frag && cookie_expected()) {
		i.how = STEER_COOKIE;
		i.why = TPROXY_COUNT_COOKIE;
	} else if (proxied_is(f)) {
		i.how = STEER_LATE;
		i.why = TPROXY_COUNT_LATE;
	} else {
		i.what = INTENT_LEAVE; /* a flow that is older than this program */
		if (flags == (TCP_SYN | TCP_ACK) && answers_missed_start(skb, f))
			count(TPROXY_COUNT_PAST);
	}
	return i;
}

/*
 * A datagram of a connected socket is kept whatever its TTL: udp_v4_early_demux() gives it that
 * socket, and ip_forward() would then drop it without an ICMP error. The relay answers.
 *
 * Rules come before a socket that is merely bound to the destination. That is a proxy's reply
 * socket, and would take the client's datagrams away from the listener.
 */
static __always_inline struct intent udp_intent(struct __sk_buff *skb, struct flow *f)
{
	struct intent i = { .what = INTENT_ASK_RULES, .why = TPROXY_COUNT_STEERED };
	enum owner owner = udp_owner(skb, f);

	i.how = f->frag ? STEER_TICKET : STEER_ASSIGN;
	i.keep_without_rule = owner == OWNER_FOREIGN_LISTENER;
	if (owner == OWNER_FLOW) {
		i.what = INTENT_KEEP;
		i.why = TPROXY_COUNT_OWNED;
	}
	return i;
}

#endif
