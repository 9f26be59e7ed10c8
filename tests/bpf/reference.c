/* SPDX-License-Identifier: BSD-2-Clause */
/* The decision. One function a question, asked in the order of the description. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/util.h"
#include "reference_matter.h"

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

/* ---- fragments ------------------------------------------------------------ */

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

/* The later ones share the fate of this first one. */
static void remember_fragment(struct matter *m)
{
	struct ref_fragment f = fragment_of(&m->s);

	if (m->a->verdict == REF_KEEP)
		count(m, TPROXY_COUNT_FRAG_FIRST);
	forget_fragment(m->w, &f);
	f.drop = m->a->verdict == REF_DROP;
	if (m->a->verdict != REF_NEXT && m->w->n_fragments < REF_MAX_FRAGMENTS)
		m->w->fragments[m->w->n_fragments++] = f;
}

static void decide_later_fragment(struct matter *m)
{
	struct ref_fragment f = fragment_of(&m->s), *known = find_fragment(m->w, &f);

	if (!known)
		leave_counted(m, REF_EXIT_FRAG_UNKNOWN, REF_NEXT, TPROXY_COUNT_FRAG_MISS);
	else if (known->drop)
		leave_counted(m, REF_EXIT_FRAG_DROP, REF_DROP, TPROXY_COUNT_FRAG_DROP);
	else
		leave_counted(m, REF_EXIT_FRAG_NEXT, REF_KEEP, TPROXY_COUNT_FRAG_NEXT);
}

/* ---- ICMP ----------------------------------------------------------------- */

/* RFC 792, RFC 1122 3.2.2; RFC 4443 2.1. */
static bool is_icmp_error(__u8 family, __u8 type)
{
	if (family == AF_INET)
		return type == 3 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

static bool is_older(const struct ref_world *w, const struct ref_end *from,
		     const struct ref_end *to)
{
	for (size_t i = 0; i < w->n_older; i++) {
		const struct ref_older *o = &w->older[i];

		if (end_same(&o->from, from) && end_same(&o->to, to))
			return !o->idle;
	}
	return false;
}

/* Of a datagram that the relay sent in the name of a UDP server; other proxies bind to send. */
static bool is_answer_of_proxy(const struct matter *m, const struct seen *quoted)
{
	const struct seen asked = {
		.from = quoted->to,
		.to = quoted->from,
		.proto = quoted->proto,
	};
	int cls = asked.to.addr.family == AF_INET6 ? TPROXY_UDP6 : TPROXY_UDP4, rule;

	if (quoted->proto != IPPROTO_UDP || is_older(m->w, &asked.from, &asked.to))
		return false;
	rule = world_rule(m->w, m->iface, &asked);
	return rule >= 0 && m->w->policy->rules[rule].action == TPROXY_ACTION_PROXY &&
	       !m->w->policy->rules[rule].proxy.port &&
	       m->w->registered[m->w->group[rule]][cls] != REF_NO_SOCKET;
}

static void decide_icmp(struct matter *m)
{
	__u8 family = m->s.to.addr.family;
	struct seen q;

	if (m->s.upper >= m->s.end || !is_icmp_error(family, m->p->at[m->s.upper]))
		leave(m, REF_EXIT_ICMP_NO_ERROR, REF_NEXT);
	else if (!seen_quoted(m->p, &m->s, m->s.upper + 8, &q))
		leave(m, REF_EXIT_ICMP_UNREADABLE, REF_NEXT);
	/* as if its receiver had answered */
	else if (world_owner(m->w, q.proto, &q.to, &q.from, NULL) != REF_NOBODY)
		leave_counted(m, REF_EXIT_ICMP_OWNED, REF_KEEP, TPROXY_COUNT_ICMP_OWNED);
	else if (is_answer_of_proxy(m, &q))
		leave_counted(m, REF_EXIT_ICMP_RULE, REF_KEEP, TPROXY_COUNT_ICMP_OWNED);
	else
		leave(m, REF_EXIT_ICMP_NOT_OWNED, REF_NEXT);
}

/* ---- flows ---------------------------------------------------------------- */

/* An ACK that nobody owns is left alone unless it completes a handshake of the rule's listener. */
static void decide_ack(struct matter *m)
{
	int rule = world_rule(m->w, m->iface, &m->s);
	const struct ref_socket *listener = NULL;

	if (rule >= 0 && m->w->policy->rules[rule].action == TPROXY_ACTION_PROXY)
		listener = find_listener(m, rule);
	if (rule < 0) {
		leave(m, REF_EXIT_NO_RULE, REF_NEXT);
	} else if (m->w->policy->rules[rule].action != TPROXY_ACTION_PROXY) {
		leave(m, REF_EXIT_ACK_OTHER_RULE, REF_NEXT);
	} else if (!listener || !has_cookie_of(m, listener)) {
		leave(m, REF_EXIT_ACK_NO_COOKIE, REF_NEXT);
	} else {
		steer(m, rule, BY_COOKIE, TPROXY_COUNT_COOKIE);
	}
}

/* A socket of this host seems to have sent the packet. */
static bool comes_back(struct matter *m)
{
	return world_owner(m->w, m->s.proto, &m->s.to, &m->s.from, NULL) == REF_HAS_PEER;
}

/* Nothing that the kernel would not forward goes any further by a proxy. */
static void decide_by_proxy(struct matter *m, int rule, bool time_wait)
{
	const struct rule *r = &m->w->policy->rules[rule];

	if (!r->unrouted && !world_forwards(m->w, &m->s.from.addr, &m->s.to.addr)) {
		leave_counted(m, REF_EXIT_UNROUTED, REF_NEXT, TPROXY_COUNT_UNROUTED);
		return;
	}
	if (m->s.ttl <= 1) { /* RFC 1812 5.3.1 */
		leave_counted(m, REF_EXIT_TTL, REF_NEXT, TPROXY_COUNT_TTL);
		return;
	}
	if (comes_back(m))
		count(m, TPROXY_COUNT_LOOP);
	/* a header in fragments is sk_lookup's, which sees no options */
	if (m->s.proto == IPPROTO_TCP && !m->s.first_fragment && seen_signed(m->p, &m->s)) {
		count(m, TPROXY_COUNT_UNANSWERABLE);
		go_down(m, r, NO_ANSWER);
		return;
	}
	steer(m, rule, time_wait || m->s.first_fragment ? BY_TICKET : BY_ASSIGNMENT,
	      time_wait ? TPROXY_COUNT_TIME_WAIT : TPROXY_COUNT_STEERED);
}

static void decide_by_rule(struct matter *m, int rule, bool time_wait)
{
	const struct rule *r = &m->w->policy->rules[rule];

	if (world_has(m->w, &m->s.from.addr, &m->s.to.addr)) {
		leave_counted(m, REF_EXIT_LOCAL_DST, REF_NEXT, TPROXY_COUNT_LOCAL_DST);
		return;
	}
	if (r->action == TPROXY_ACTION_PROXY && m->s.proto == IPPROTO_UDP &&
	    is_older(m->w, &m->s.from, &m->s.to)) {
		leave_counted(m, REF_EXIT_OLDER_UDP, REF_NEXT, TPROXY_COUNT_OLDER);
		return;
	}
	m->a->rule = rule;
	m->a->bytes = m->s.bytes;
	m->a->flow = m->s.proto == IPPROTO_TCP;
	if (r->action == TPROXY_ACTION_PASS)
		leave_counted(m, REF_EXIT_RULE_PASS, REF_NEXT, TPROXY_COUNT_RULE_PASS);
	else if (r->action == TPROXY_ACTION_DROP)
		leave_counted(m, REF_EXIT_RULE_DROP, REF_DROP, TPROXY_COUNT_RULE_DROP);
	else
		decide_by_proxy(m, rule, time_wait);
}

static void decide_segment(struct matter *m, __u8 flags)
{
	const struct ref_socket *s = NULL;
	enum ref_owner owner = world_owner(m->w, IPPROTO_TCP, &m->s.from, &m->s.to, &s);
	int rule;

	if (owner == REF_HAS_PEER) {
		leave_counted(m, REF_EXIT_OWNED_TCP, REF_KEEP, TPROXY_COUNT_OWNED);
	} else if (owner == REF_IN_TIME_WAIT && flags != SYN) {
		leave_counted(m, REF_EXIT_OWNED_TIME_WAIT, REF_KEEP, TPROXY_COUNT_OWNED);
	} else if (owner == REF_BOUND_HERE && flags == SYN) {
		leave_counted(m, REF_EXIT_BOUND_TCP, REF_KEEP, TPROXY_COUNT_FOREIGN_LISTENER);
	} else if (owner == REF_BOUND_HERE && flags == ACK && has_cookie_of(m, s)) {
		leave_counted(m, REF_EXIT_OWNED_COOKIE, REF_KEEP, TPROXY_COUNT_OWNED);
	} else if (flags == ACK && m->w->cookies_expected && !m->s.first_fragment) {
		decide_ack(m);
	} else if (flags != SYN) {
		leave(m, REF_EXIT_OLDER_FLOW, REF_NEXT);
	} else {
		rule = world_rule(m->w, m->iface, &m->s);
		if (rule < 0)
			leave(m, REF_EXIT_NO_RULE, REF_NEXT);
		else
			decide_by_rule(m, rule, owner == REF_IN_TIME_WAIT);
	}
}

/* No proxy is there to end it, and everything else passes as well. */
static bool is_let_go(const struct matter *m, __u8 flags)
{
	const struct rule *r;
	int rule;

	if (flags == ACK && m->w->cookies_expected && !m->s.first_fragment)
		return false;
	rule = world_rule(m->w, m->iface, &m->s);
	r = rule < 0 ? NULL : &m->w->policy->rules[rule];
	return r && r->action == TPROXY_ACTION_PROXY && r->on_down == TPROXY_ON_DOWN_PASS &&
	       !find_listener(m, rule);
}

/* Only marked: its socket may be there by the time that it is looked for. */
static void decide_late(struct matter *m, const struct tproxy_flow_key *key)
{
	leave_counted(m, REF_EXIT_LATE, REF_KEEP, TPROXY_COUNT_LATE);
	m->a->ticket_key = *key;
}

/* The flow that this answers is one that a rule of this interface names. */
static bool went_past(const struct matter *m)
{
	struct seen start = m->s;
	int rule;

	start.from = m->s.to;
	start.to = m->s.from;
	rule = world_rule(m->w, m->iface, &start);
	return rule >= 0 && m->w->policy->rules[rule].action != TPROXY_ACTION_PASS;
}

/* What a proxy once had goes past it only when it begins anew, or the proxy is not to matter. */
static void decide_tcp(struct matter *m)
{
	struct tproxy_flow_key key = key_of(&m->s), *place = began_place(m->w, &key);
	__u8 flags = m->s.tcp_flags & (SYN | ACK | RST | FIN);

	if (flags == (SYN | FIN)) /* RFC 9293 3.10.7.2: opens a connection as well */
		flags = SYN;
	decide_segment(m, flags);
	if (m->a->verdict != REF_NEXT)
		return;
	if (memcmp(place, &key, sizeof(key))) {
		if (flags == (SYN | ACK) && went_past(m))
			leave_counted(m, REF_EXIT_PAST, REF_NEXT, TPROXY_COUNT_PAST);
		return;
	}
	if (flags == SYN || is_let_go(m, flags))
		memset(place, 0, sizeof(*place));
	else
		decide_late(m, &key);
}

/* A rule goes before a socket that is merely bound to the destination. */
static void decide_udp(struct matter *m)
{
	enum ref_owner owner = world_owner(m->w, IPPROTO_UDP, &m->s.from, &m->s.to, NULL);
	int rule = world_rule(m->w, m->iface, &m->s);

	if (owner == REF_HAS_PEER)
		leave_counted(m, REF_EXIT_OWNED_UDP, REF_KEEP, TPROXY_COUNT_OWNED);
	else if (rule >= 0)
		decide_by_rule(m, rule, false);
	else if (owner == REF_BOUND_HERE)
		leave_counted(m, REF_EXIT_BOUND_UDP, REF_KEEP, TPROXY_COUNT_FOREIGN_LISTENER);
	else
		leave(m, REF_EXIT_NO_RULE, REF_NEXT);
}

/* ---- everything ----------------------------------------------------------- */

static const struct ref_iface *find_iface(const struct ref_world *w, __u32 ifindex)
{
	for (size_t i = 0; i < ARRAY_SIZE(w->ifaces); i++)
		if (w->ifaces[i].ifindex == ifindex)
			return &w->ifaces[i];
	return NULL;
}

/* What a rule may concern, as far as can be seen. */
static bool is_concerned(const struct matter *m)
{
	switch (m->s.kind) {
	case SEEN_VLAN_TAGS:
		return m->iface->rules;
	case SEEN_SOURCE_ROUTE:
	case SEEN_ROUTING_HEADER: /* the final destination is not the header's */
		return world_has_rule_from(m->w, m->iface, &m->s.from.addr);
	default:
		return !addr_stays_local(&m->s.to.addr) &&
		       !world_has(m->w, &m->s.from.addr, &m->s.to.addr) &&
		       world_has_rule(m->w, m->iface, &m->s);
	}
}

/* What may be TCP or UDP, and does not show that a rule lets it pass, does not pass. */
static void decide_unreadable(struct matter *m)
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

	if (!is_concerned(m)) {
		leave(m, REF_EXIT_UNREADABLE_FREE, REF_NEXT);
	} else if (m->w->unreadable == TPROXY_UNREADABLE_PASS) {
		leave_counted(m, REF_EXIT_UNREADABLE_PASS, REF_NEXT, reasons[m->s.kind]);
	} else {
		leave_counted(m, REF_EXIT_UNREADABLE_DROP, REF_DROP, reasons[m->s.kind]);
	}
	if (m->s.later_fragment && m->a->verdict == REF_NEXT)
		decide_later_fragment(m);
	if (m->s.first_fragment)
		remember_fragment(m);
}

static void decide_flow(struct matter *m)
{
	if (m->s.proto == IPPROTO_TCP)
		decide_tcp(m);
	else
		decide_udp(m);
	if (m->s.first_fragment)
		remember_fragment(m);
}

static void decide_seen(struct matter *m)
{
	bool local = m->s.kind > SEEN_OTHER && addr_stays_local(&m->s.to.addr);

	if (m->s.kind == SEEN_NOT_IP)
		leave(m, REF_EXIT_NOT_IP, REF_NEXT);
	else if (m->s.kind == SEEN_VLAN)
		leave(m, REF_EXIT_VLAN, REF_NEXT);
	else if (m->s.kind < SEEN_OTHER)
		decide_unreadable(m);
	else if (m->s.kind == SEEN_OTHER)
		leave(m, REF_EXIT_OTHER_PROTOCOL, REF_NEXT);
	else if (local)
		leave(m, REF_EXIT_STAYS_LOCAL, REF_NEXT);
	else if (m->s.kind == SEEN_ICMP && world_has(m->w, &m->s.from.addr, &m->s.to.addr))
		leave(m, REF_EXIT_ICMP_TO_US, REF_NEXT);
	else if (m->s.kind == SEEN_ICMP)
		decide_icmp(m);
	else if (m->s.kind == SEEN_FRAGMENT)
		decide_later_fragment(m);
	else
		decide_flow(m);
}

/* What the relay has to know of what it forwards, and cannot see. */
static bool forbids_fragments(const struct seen *s)
{
	return s->kind == SEEN_FLOW && s->proto == IPPROTO_UDP && s->dont_fragment;
}

void ref_decide(struct ref_world *w, const struct ref_packet *p, struct ref_answer *ret_answer)
{
	struct matter m = { .w = w, .p = p, .iface = find_iface(w, p->ifindex), .a = ret_answer };

	*ret_answer = (struct ref_answer){ .mark = p->mark, .rule = -1 };
	if (!w->mask) {
		leave_counted(&m, REF_EXIT_NO_POLICY, REF_NEXT, TPROXY_COUNT_NO_POLICY);
		return;
	}
	if (!m.iface || memcmp(p->at, m.iface->mac, ETH_ALEN)) {
		leave(&m, REF_EXIT_NOT_FOR_HOST, REF_NEXT);
		return;
	}
	if (p->mark & w->mask) {
		count(&m, TPROXY_COUNT_FORGED_MARK);
		ret_answer->mark &= ~w->mask;
	}
	seen_read(p, &m.s);
	decide_seen(&m);
	if (ret_answer->verdict == REF_KEEP)
		ret_answer->mark |= w->mark | (forbids_fragments(&m.s) ? w->df_mark : 0);
}
