/* SPDX-License-Identifier: BSD-2-Clause */
/* Who gets a flow start: the rule's listener, sk_lookup by a ticket, or nobody. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "reference_matter.h"

static enum tproxy_class class_of(const struct seen *s)
{
	bool v6 = s->to.addr.family == AF_INET6;

	if (s->proto == IPPROTO_TCP)
		return v6 ? TPROXY_TCP6 : TPROXY_TCP4;
	return v6 ? TPROXY_UDP6 : TPROXY_UDP4;
}

/* The proxy's address: its own, or loopback of the flow's family. */
static struct ref_end proxy_end(const struct rule *r, __u8 family)
{
	static const __u8 loopback4[4] = { 127, 0, 0, 1 }, loopback6[16] = { [15] = 1 };
	struct ref_end end = { .port = r->proxy.port };

	if (r->proxy.family == family)
		end.addr = ref_addr_of(family, r->proxy.addr);
	else
		end.addr = ref_addr_of(family, family == AF_INET ? loopback4 : loopback6);
	return end;
}

struct ref_socket *find_listener(const struct matter *m, int rule)
{
	const struct rule *r = &m->w->policy->rules[rule];
	struct ref_socket *s;

	if (r->proxy.port) {
		struct ref_end to = proxy_end(r, m->s.to.addr.family);

		s = world_listener(m->w, m->s.proto, &m->s.from, &to);
	} else {
		int i = m->w->registered[m->w->group[rule]][class_of(&m->s)];

		s = i == REF_NO_SOCKET ? NULL : &m->w->sockets[i];
	}
	if (!s || s->kind != REF_BOUND || s->proto != m->s.proto)
		return NULL;
	return s->family == AF_INET && m->s.to.addr.family == AF_INET6 ? NULL : s;
}

/* The packet itself becomes the refusal: RST as long as the SYN, ICMP around bare headers. */
static bool can_refuse(const struct matter *m)
{
	if (m->s.first_fragment || m->s.tags)
		return false;
	if (m->s.proto == IPPROTO_TCP)
		return m->s.upper + 20 <= m->s.end;
	return m->s.bare;
}

void go_down(struct matter *m, const struct rule *r, enum lack lack)
{
	static const enum ref_exit exits[][4] = {
		[NO_LISTENER] = { REF_EXIT_DOWN_DROP, REF_EXIT_DOWN_PASS, REF_EXIT_DOWN_RESET,
				  REF_EXIT_DOWN_NO_RESET },
		[NO_ASSIGNMENT] = { REF_EXIT_ASSIGN_DROP, REF_EXIT_ASSIGN_PASS,
				    REF_EXIT_ASSIGN_RESET, REF_EXIT_ASSIGN_NO_RESET },
		[NO_ANSWER] = { REF_EXIT_UNANSWERABLE_DROP, REF_EXIT_UNANSWERABLE_PASS,
				REF_EXIT_UNANSWERABLE_RESET, REF_EXIT_UNANSWERABLE_NO_RESET },
	};
	const enum ref_exit *exit = exits[lack];

	if (r->on_down == TPROXY_ON_DOWN_PASS)
		leave_counted(m, exit[1], REF_NEXT, TPROXY_COUNT_DOWN_PASS);
	else if (r->on_down != TPROXY_ON_DOWN_RESET)
		leave_counted(m, exit[0], REF_DROP, TPROXY_COUNT_DOWN_DROP);
	else if (can_refuse(m))
		leave_counted(m, exit[2], REF_REPLY, TPROXY_COUNT_DOWN_RESET);
	else
		leave_counted(m, exit[3], REF_DROP, TPROXY_COUNT_DOWN_DROP);
}

struct tproxy_flow_key key_of(const struct seen *s)
{
	struct tproxy_flow_key key = { .proto = s->proto,
				       .sport = htons(s->from.port),
				       .dport = htons(s->to.port) };

	ref_addr_map(&s->from.addr, key.src);
	ref_addr_map(&s->to.addr, key.dst);
	return key;
}

/* The second and fourth word of an address, as they lie in memory. */
static __u32 fold(const __u8 addr[16])
{
	__u32 words[4];

	memcpy(words, addr, sizeof(words));
	return words[1] ^ words[3];
}

struct tproxy_flow_key *began_place(struct ref_world *w, const struct tproxy_flow_key *key)
{
	__u32 ports = (__u32)key->sport << 16 | key->dport;
	__u32 sum =
		fold(key->src) * 2654435761u + fold(key->dst) * 2246822507u + ports * 3266489909u;

	sum = (sum ^ sum / 65536) * 2146121005u;
	sum ^= sum / 32768;
	return &w->began[sum / (0x100000000ULL / REF_BEGAN)];
}

static void give_ticket(struct matter *m, int rule)
{
	struct ref_answer *a = m->a;
	bool by_address = m->w->policy->rules[rule].proxy.port;
	enum tproxy_class cls = class_of(&m->s);

	a->ticket = true;
	a->ticket_rule = rule;
	a->ticket_key = key_of(&m->s);
	if (m->s.proto == IPPROTO_TCP)
		*began_place(m->w, &a->ticket_key) = a->ticket_key;
	a->ticket_slot = by_address ? TPROXY_FOUND_SLOT(cls, (__u32)rule) :
				      TPROXY_SLOT(m->w->group[rule], cls, 0);
	a->ticket_ways = by_address ? 1 : TPROXY_GROUP_WAYS;
}

/* It takes a whole TCP header to answer by cookie, and no FIN. */
static void note_cookie(struct matter *m, struct ref_socket *listener)
{
	size_t header;

	if (!m->w->always_cookies || m->s.proto != IPPROTO_TCP || m->s.upper + 20 > m->s.end)
		return;
	header = (size_t)(m->p->at[m->s.upper + 12] >> 4) * 4;
	if (header < 20 || m->s.upper + header > m->s.end || m->s.tcp_flags & FIN)
		return;
	listener->sends_cookies = true;
	m->w->cookies_expected = true;
}

void steer(struct matter *m, int rule, enum steer how, enum tproxy_counter why)
{
	const struct rule *r = &m->w->policy->rules[rule];
	struct ref_socket *listener = find_listener(m, rule);

	if (listener && how != BY_COOKIE)
		note_cookie(m, listener);
	if (!listener) {
		go_down(m, r, NO_LISTENER);
	} else if (how == BY_ASSIGNMENT) {
		count(m, TPROXY_COUNT_ASSIGN_FAILED);
		go_down(m, r, NO_ASSIGNMENT);
	} else {
		give_ticket(m, rule);
		leave_counted(m,
			      how == BY_COOKIE              ? REF_EXIT_TICKET_COOKIE :
			      why == TPROXY_COUNT_TIME_WAIT ? REF_EXIT_TICKET_TIME_WAIT :
							      REF_EXIT_TICKET,
			      REF_KEEP, why);
	}
}

/*
 * A cookie is the SYN's number plus a hash plus which of four MSS values was agreed on; with
 * no MSS in the SYN it is the first. So three numbers above it are valid as well.
 */
bool has_cookie_of(const struct matter *m, const struct ref_socket *listener)
{
	const __u8 *tcp = m->p->at + m->s.upper;
	__be32 seq, ack;

	if (!listener->sends_cookies || m->s.upper + 20 > m->s.end)
		return false;
	memcpy(&seq, tcp + 4, sizeof(seq));
	memcpy(&ack, tcp + 8, sizeof(ack));
	for (size_t i = 0; i < m->w->n_cookies; i++) {
		const struct ref_cookie *c = &m->w->cookies[i];

		if (end_same(&c->from, &m->s.from) && end_same(&c->to, &m->s.to) &&
		    (ntohl(ack) - ntohl(seq)) - (c->ack - c->seq) < 4)
			return true;
	}
	return false;
}
