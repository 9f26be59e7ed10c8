/* SPDX-License-Identifier: BSD-2-Clause */
/* The decision: one function for each question, in the order of the description. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/util.h"
#include "reference_decision.h"

const char *const ref_exit_names[REF_EXIT_MAX] = {
#define X(symbol, meaning) [REF_EXIT_##symbol] = meaning,
	REF_EXITS(X)
#undef X
};

const char *const ref_verdict_names[] = {
	[REF_NEXT] = "next",
	[REF_KEEP] = "keep",
	[REF_DROP] = "drop",
	[REF_REPLY] = "reply",
};

/* ---- fragments ---------------------------------------------------------- */

static struct ref_fragment fragment_of(const struct seen *s)
{
	return (struct ref_fragment){
		.from = s->from.addr,
		.to = s->to.addr,
		.id = s->id,
		.proto = s->to.addr.family == AF_INET ? s->proto : 0,
	};
}

static struct ref_fragment *find_fragment(struct ref_world *w, const struct ref_fragment *f)
{
	for (size_t i = 0; i < w->n_fragments; i++) {
		struct ref_fragment *known = &w->fragments[i];

		if (known->id == f->id && known->proto == f->proto &&
		    addr_same(&known->from, &f->from) && addr_same(&known->to, &f->to))
			return known;
	}
	return NULL;
}

static void forget_fragment(struct ref_world *w, const struct ref_fragment *f)
{
	struct ref_fragment *known = find_fragment(w, f);

	if (known)
		*known = w->fragments[--w->n_fragments];
}

/* Later fragments are treated like this first one. */
static void remember_fragment(struct decision *d)
{
	struct ref_fragment f = fragment_of(&d->s);

	if (d->a->verdict == REF_KEEP)
		count(d, TPROXY_COUNT_FRAG_FIRST);
	forget_fragment(d->w, &f);
	f.drop = d->a->verdict == REF_DROP;
	if (d->a->verdict != REF_NEXT && d->w->n_fragments < REF_MAX_FRAGMENTS)
		d->w->fragments[d->w->n_fragments++] = f;
}

static void decide_later_fragment(struct decision *d)
{
	struct ref_fragment f = fragment_of(&d->s), *known = find_fragment(d->w, &f);

	if (!known)
		leave_counted(d, REF_EXIT_FRAG_UNKNOWN, REF_NEXT, TPROXY_COUNT_FRAG_MISS);
	else if (known->drop)
		leave_counted(d, REF_EXIT_FRAG_DROP, REF_DROP, TPROXY_COUNT_FRAG_DROP);
	else
		leave_counted(d, REF_EXIT_FRAG_NEXT, REF_KEEP, TPROXY_COUNT_FRAG_NEXT);
}

/* ---- flows -------------------------------------------------------------- */

bool is_older(const struct ref_world *w, const struct ref_end *from, const struct ref_end *to)
{
	for (size_t i = 0; i < w->n_older; i++) {
		const struct ref_older *o = &w->older[i];

		if (end_same(&o->from, from) && end_same(&o->to, to))
			return !o->idle;
	}
	return false;
}

/* An ACK that no socket owns is left alone, unless it completes a handshake by SYN cookie. */
static void decide_ack(struct decision *d)
{
	int rule = world_rule(d->w, d->iface, &d->s);
	const struct ref_socket *listener = NULL;

	if (rule >= 0 && d->w->policy->rules[rule].action == TPROXY_ACTION_PROXY)
		listener = find_listener(d, rule);
	if (rule < 0) {
		leave(d, REF_EXIT_NO_RULE, REF_NEXT);
	} else if (d->w->policy->rules[rule].action != TPROXY_ACTION_PROXY) {
		leave(d, REF_EXIT_ACK_OTHER_RULE, REF_NEXT);
	} else if (!listener || !has_cookie_of(d, listener)) {
		leave(d, REF_EXIT_ACK_NO_COOKIE, REF_NEXT);
	} else {
		steer(d, rule, BY_COOKIE, TPROXY_COUNT_COOKIE);
	}
}

/* Did a socket of this host send the packet? */
static bool sent_by_local_socket(struct decision *d)
{
	return world_owner(d->w, d->s.proto, &d->s.to, &d->s.from, NULL) == REF_HAS_PEER;
}

/* A proxy does not get what the kernel would not forward. */
static void decide_by_proxy(struct decision *d, int rule, bool time_wait)
{
	const struct rule *r = &d->w->policy->rules[rule];

	if (!r->unrouted && !world_forwards(d->w, &d->s.from.addr, &d->s.to.addr)) {
		leave_counted(d, REF_EXIT_UNROUTED, REF_NEXT, TPROXY_COUNT_UNROUTED);
		return;
	}
	if (d->s.ttl <= 1) { /* RFC 1812 5.3.1 */
		leave_counted(d, REF_EXIT_TTL, REF_NEXT, TPROXY_COUNT_TTL);
		return;
	}
	if (sent_by_local_socket(d))
		count(d, TPROXY_COUNT_LOOP);
	/* a TCP header in fragments is steered by sk_lookup, which sees no options */
	if (d->s.proto == IPPROTO_TCP && !d->s.first_fragment && seen_signed(d->p, &d->s)) {
		count(d, TPROXY_COUNT_UNANSWERABLE);
		go_down(d, r, NO_ANSWER);
		return;
	}
	steer(d, rule, time_wait || d->s.first_fragment ? BY_TICKET : BY_ASSIGNMENT,
	      time_wait ? TPROXY_COUNT_TIME_WAIT : TPROXY_COUNT_STEERED);
}

/* Forwarded, if the kernel does so. What is counted of the flow is not modelled here. */
static void audit(struct decision *d)
{
	if (d->s.ttl <= 1)
		leave_counted(d, REF_EXIT_AUDIT_TTL, REF_NEXT, TPROXY_COUNT_TTL);
	else
		leave_counted(d, REF_EXIT_RULE_AUDIT, REF_NEXT, TPROXY_COUNT_RULE_AUDIT);
}

/* A reset rule; what cannot be refused is dropped. */
static void refuse(struct decision *d)
{
	if (can_refuse(d))
		leave_counted(d, REF_EXIT_RULE_RESET, REF_REPLY, TPROXY_COUNT_RULE_RESET);
	else
		leave_counted(d, REF_EXIT_RULE_NO_RESET, REF_DROP, TPROXY_COUNT_RULE_DROP);
}

static void decide_by_rule(struct decision *d, int rule, bool time_wait)
{
	const struct rule *r = &d->w->policy->rules[rule];

	if (world_has(d->w, &d->s.from.addr, &d->s.to.addr)) {
		leave_counted(d, REF_EXIT_LOCAL_DST, REF_NEXT, TPROXY_COUNT_LOCAL_DST);
		return;
	}
	if (r->action == TPROXY_ACTION_PROXY && d->s.proto == IPPROTO_UDP &&
	    is_older(d->w, &d->s.from, &d->s.to)) {
		leave_counted(d, REF_EXIT_OLDER_UDP, REF_NEXT, TPROXY_COUNT_OLDER);
		return;
	}
	d->a->rule = rule;
	d->a->bytes = d->s.bytes;
	d->a->flow = d->s.proto == IPPROTO_TCP;
	if (r->action == TPROXY_ACTION_PASS)
		leave_counted(d, REF_EXIT_RULE_PASS, REF_NEXT, TPROXY_COUNT_RULE_PASS);
	else if (r->action == TPROXY_ACTION_DROP)
		leave_counted(d, REF_EXIT_RULE_DROP, REF_DROP, TPROXY_COUNT_RULE_DROP);
	else if (r->action == TPROXY_ACTION_AUDIT)
		audit(d);
	else if (r->action == TPROXY_ACTION_RESET)
		refuse(d);
	else
		decide_by_proxy(d, rule, time_wait);
}

static void decide_segment(struct decision *d, __u8 flags)
{
	const struct ref_socket *s = NULL;
	enum ref_owner owner = world_owner(d->w, IPPROTO_TCP, &d->s.from, &d->s.to, &s);
	int rule;

	if (owner == REF_HAS_PEER) {
		leave_counted(d, REF_EXIT_OWNED_TCP, REF_KEEP, TPROXY_COUNT_OWNED);
	} else if (owner == REF_IN_TIME_WAIT && flags != SYN) {
		leave_counted(d, REF_EXIT_OWNED_TIME_WAIT, REF_KEEP, TPROXY_COUNT_OWNED);
	} else if (owner == REF_BOUND_HERE && flags == SYN) {
		leave_counted(d, REF_EXIT_BOUND_TCP, REF_KEEP, TPROXY_COUNT_FOREIGN_LISTENER);
	} else if (owner == REF_BOUND_HERE && flags == ACK && has_cookie_of(d, s)) {
		leave_counted(d, REF_EXIT_OWNED_COOKIE, REF_KEEP, TPROXY_COUNT_OWNED);
	} else if (flags == ACK && d->w->cookies_expected && !d->s.first_fragment) {
		decide_ack(d);
	} else if (flags != SYN) {
		leave(d, REF_EXIT_OLDER_FLOW, REF_NEXT);
	} else {
		rule = world_rule(d->w, d->iface, &d->s);
		if (rule < 0)
			leave(d, REF_EXIT_NO_RULE, REF_NEXT);
		else
			decide_by_rule(d, rule, owner == REF_IN_TIME_WAIT);
	}
}

/* There is no proxy to end the flow, and the rule lets flow starts pass without one. */
static bool is_let_go(const struct decision *d, __u8 flags)
{
	const struct rule *r;
	int rule;

	if (flags == ACK && d->w->cookies_expected && !d->s.first_fragment)
		return false;
	rule = world_rule(d->w, d->iface, &d->s);
	r = rule < 0 ? NULL : &d->w->policy->rules[rule];
	return r && r->action == TPROXY_ACTION_PROXY && r->on_down == TPROXY_ON_DOWN_PASS &&
	       !find_listener(d, rule);
}

/* Marked only: its socket may exist when the stack looks for it. */
static void decide_late(struct decision *d, const struct tproxy_flow_key *key)
{
	leave_counted(d, REF_EXIT_LATE, REF_KEEP, TPROXY_COUNT_LATE);
	d->a->ticket_key = *key;
}

/* Does a rule of this interface cover the flow that this answers? */
static bool bypassed_rule(const struct decision *d)
{
	struct seen start = d->s;
	int rule;

	start.from = d->s.to;
	start.to = d->s.from;
	rule = world_rule(d->w, d->iface, &start);
	return rule >= 0 && d->w->policy->rules[rule].action != TPROXY_ACTION_PASS &&
	       d->w->policy->rules[rule].action != TPROXY_ACTION_AUDIT;
}

/* A flow that was given to a proxy bypasses it only if it begins again, or see is_let_go. */
static void decide_tcp(struct decision *d)
{
	struct tproxy_flow_key key = key_of(&d->s), *entry = proxied_entry(d->w, &key);
	__u8 flags = d->s.tcp_flags & (SYN | ACK | RST | FIN);

	if (flags == (SYN | FIN)) /* RFC 9293 3.10.7.2: opens a connection as well */
		flags = SYN;
	decide_segment(d, flags);
	if (d->a->verdict != REF_NEXT)
		return;
	if (memcmp(entry, &key, sizeof(key))) {
		if (flags == (SYN | ACK) && bypassed_rule(d))
			leave_counted(d, REF_EXIT_PAST, REF_NEXT, TPROXY_COUNT_PAST);
		return;
	}
	if (flags == SYN || is_let_go(d, flags))
		memset(entry, 0, sizeof(*entry));
	else
		decide_late(d, &key);
}

/* Rules come before a socket that is merely bound to the destination. */
static void decide_udp(struct decision *d)
{
	enum ref_owner owner = world_owner(d->w, IPPROTO_UDP, &d->s.from, &d->s.to, NULL);
	int rule = world_rule(d->w, d->iface, &d->s);

	if (owner == REF_HAS_PEER)
		leave_counted(d, REF_EXIT_OWNED_UDP, REF_KEEP, TPROXY_COUNT_OWNED);
	else if (rule >= 0)
		decide_by_rule(d, rule, false);
	else if (owner == REF_BOUND_HERE)
		leave_counted(d, REF_EXIT_BOUND_UDP, REF_KEEP, TPROXY_COUNT_FOREIGN_LISTENER);
	else
		leave(d, REF_EXIT_NO_RULE, REF_NEXT);
}

/* ---- everything --------------------------------------------------------- */

static const struct ref_iface *find_iface(const struct ref_world *w, __u32 ifindex)
{
	for (size_t i = 0; i < ARRAY_SIZE(w->ifaces); i++)
		if (w->ifaces[i].ifindex == ifindex)
			return &w->ifaces[i];
	return NULL;
}

/* Could a rule mean the packet, as far as it can be read? */
static bool is_concerned(const struct decision *d)
{
	switch (d->s.kind) {
	case SEEN_VLAN_TAGS:
		return d->iface->rules;
	case SEEN_SOURCE_ROUTE:
	case SEEN_ROUTING_HEADER: /* the final destination is not in the header */
		return world_has_rule_from(d->w, d->iface, &d->s.from.addr);
	default:
		return !addr_stays_local(&d->s.to.addr) &&
		       !world_has(d->w, &d->s.from.addr, &d->s.to.addr) &&
		       world_has_rule(d->w, d->iface, &d->s);
	}
}

/* The packet may be TCP or UDP, and does not show that a rule lets it pass. */
static void decide_unreadable(struct decision *d)
{
	static const enum tproxy_counter reasons[] = {
		[SEEN_VLAN_TAGS] = TPROXY_COUNT_VLAN_TAGS,
		[SEEN_MALFORMED] = TPROXY_COUNT_MALFORMED,
		[SEEN_HIDDEN] = TPROXY_COUNT_HIDDEN,
		[SEEN_HIDDEN_CHAIN] = TPROXY_COUNT_HIDDEN_CHAIN,
		[SEEN_FRAG_OVERLAP] = TPROXY_COUNT_FRAG_OVERLAP,
		[SEEN_SOURCE_ROUTE] = TPROXY_COUNT_SOURCE_ROUTE,
		[SEEN_ROUTING_HEADER] = TPROXY_COUNT_ROUTING_HEADER,
	};

	if (!is_concerned(d)) {
		leave(d, REF_EXIT_UNREADABLE_FREE, REF_NEXT);
	} else if (d->w->unreadable == TPROXY_UNREADABLE_PASS) {
		leave_counted(d, REF_EXIT_UNREADABLE_PASS, REF_NEXT, reasons[d->s.kind]);
	} else {
		leave_counted(d, REF_EXIT_UNREADABLE_DROP, REF_DROP, reasons[d->s.kind]);
	}
	if (d->s.later_fragment && d->a->verdict == REF_NEXT)
		decide_later_fragment(d);
	if (d->s.first_fragment)
		remember_fragment(d);
}

static void decide_flow(struct decision *d)
{
	if (d->s.proto == IPPROTO_TCP)
		decide_tcp(d);
	else
		decide_udp(d);
	if (d->s.first_fragment)
		remember_fragment(d);
}

static void decide_seen(struct decision *d)
{
	bool local = seen_is_ours(d->s.kind) && addr_stays_local(&d->s.to.addr);

	if (d->s.kind == SEEN_NOT_IP)
		leave(d, REF_EXIT_NOT_IP, REF_NEXT);
	else if (d->s.kind == SEEN_VLAN)
		leave(d, REF_EXIT_VLAN, REF_NEXT);
	else if (seen_is_unreadable(d->s.kind))
		decide_unreadable(d);
	else if (d->s.kind == SEEN_OTHER)
		leave(d, REF_EXIT_OTHER_PROTOCOL, REF_NEXT);
	else if (local)
		leave(d, REF_EXIT_STAYS_LOCAL, REF_NEXT);
	else if (d->s.kind == SEEN_ICMP && world_has(d->w, &d->s.from.addr, &d->s.to.addr))
		leave(d, REF_EXIT_ICMP_TO_US, REF_NEXT);
	else if (d->s.kind == SEEN_ICMP)
		decide_icmp(d);
	else if (d->s.kind == SEEN_FRAGMENT)
		decide_later_fragment(d);
	else
		decide_flow(d);
}

/* DF of a datagram, which the relay needs to know and cannot see. */
static bool forbids_fragments(const struct seen *s)
{
	return s->kind == SEEN_FLOW && s->proto == IPPROTO_UDP && s->dont_fragment;
}

void ref_decide(struct ref_world *w, const struct ref_packet *p, struct ref_answer *ret_answer)
{
	struct decision d = { .w = w, .p = p, .iface = find_iface(w, p->ifindex), .a = ret_answer };

	*ret_answer = (struct ref_answer){ .mark = p->mark, .rule = -1 };
	if (!w->mask) {
		leave_counted(&d, REF_EXIT_NO_POLICY, REF_NEXT, TPROXY_COUNT_NO_POLICY);
		return;
	}
	if (!d.iface || memcmp(p->at, d.iface->mac, ETH_ALEN)) {
		leave(&d, REF_EXIT_NOT_FOR_HOST, REF_NEXT);
		return;
	}
	if (p->mark & w->mask) {
		count(&d, TPROXY_COUNT_FORGED_MARK);
		ret_answer->mark &= ~w->mask;
	}
	seen_read(p, &d.s);
	decide_seen(&d);
	if (ret_answer->verdict == REF_KEEP)
		ret_answer->mark |= w->mark | (forbids_fragments(&d.s) ? w->df_mark : 0);
}
