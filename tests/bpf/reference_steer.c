/* SPDX-License-Identifier: BSD-2-Clause */
/* Steering: to the rule's listener, by a ticket to sk_lookup, or a refusal. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "reference_decision.h"

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

struct ref_socket *find_listener(const struct decision *d, int rule)
{
	const struct rule *r = &d->w->policy->rules[rule];
	struct ref_socket *s;

	if (r->proxy.port) {
		struct ref_end to = proxy_end(r, d->s.to.addr.family);

		s = world_listener(d->w, d->s.proto, &d->s.from, &to);
	} else {
		int i = d->w->registered[d->w->group[rule]][class_of(&d->s)];

		s = i == REF_NO_SOCKET ? NULL : &d->w->sockets[i];
	}
	if (!s || s->kind != REF_BOUND || s->proto != d->s.proto)
		return NULL;
	return s->family == AF_INET && d->s.to.addr.family == AF_INET6 ? NULL : s;
}

/* RFC 1122 3.2.2, RFC 4443 2.4: an address of one host. */
static bool is_host(const struct ref_addr *a)
{
	static const __u8 zero[15];

	if (a->family == AF_INET)
		return a->bytes[0] >> 4 != 0xe && a->bytes[0] != 127 &&
		       memcmp(a->bytes, "\xff\xff\xff\xff", 4) && memcmp(a->bytes, zero, 4);
	return a->bytes[0] != 0xff && (memcmp(a->bytes, zero, 15) || a->bytes[15] > 1);
}

static __u16 checksum4(const __u8 *ip)
{
	__u32 sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (__u32)(ip[i] << 8 | ip[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/*
 * The packet itself is turned into the refusal; for ICMP it must have fixed headers only, and a right
 * checksum.
 */
bool can_refuse(const struct decision *d)
{
	if (d->s.first_fragment || d->s.tags || !is_host(&d->s.from.addr) || d->p->at[6] & 1)
		return false;
	if (d->s.proto == IPPROTO_TCP)
		return d->s.upper + 20 <= d->s.end;
	return d->s.bare && (d->s.from.addr.family == AF_INET6 || !checksum4(d->p->at + 14));
}

void go_down(struct decision *d, const struct rule *r, enum lack lack)
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
		leave_counted(d, exit[1], REF_NEXT, TPROXY_COUNT_DOWN_PASS);
	else if (r->on_down != TPROXY_ON_DOWN_RESET)
		leave_counted(d, exit[0], REF_DROP, TPROXY_COUNT_DOWN_DROP);
	else if (can_refuse(d))
		leave_counted(d, exit[2], REF_REPLY, TPROXY_COUNT_DOWN_RESET);
	else
		leave_counted(d, exit[3], REF_DROP, TPROXY_COUNT_DOWN_DROP);
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

/* The second and fourth word of an address, in memory order. */
static __u32 fold(const __u8 addr[16])
{
	__u32 words[4];

	memcpy(words, addr, sizeof(words));
	return words[1] ^ words[3];
}

struct tproxy_flow_key *proxied_entry(struct ref_world *w, const struct tproxy_flow_key *key)
{
	__u32 ports = (__u32)key->sport << 16 | key->dport;
	__u32 sum =
		fold(key->src) * 2654435761u + fold(key->dst) * 2246822507u + ports * 3266489909u;

	sum = (sum ^ sum / 65536) * 2146121005u;
	sum ^= sum / 32768;
	return &w->proxied[sum / (0x100000000ULL / REF_PROXIED)];
}

static void give_ticket(struct decision *d, int rule)
{
	struct ref_answer *a = d->a;
	bool by_address = d->w->policy->rules[rule].proxy.port;
	enum tproxy_class cls = class_of(&d->s);

	a->ticket = true;
	a->ticket_rule = rule;
	a->ticket_key = key_of(&d->s);
	if (d->s.proto == IPPROTO_TCP)
		*proxied_entry(d->w, &a->ticket_key) = a->ticket_key;
	a->ticket_slot = by_address ? TPROXY_FOUND_SLOT(cls, (__u32)rule) :
				      TPROXY_SLOT(d->w->group[rule], cls, 0);
	a->ticket_ways = by_address ? 1 : TPROXY_GROUP_WAYS;
}

/* A listener answers by cookie only if the TCP header is complete and has no FIN. */
static void note_cookie(struct decision *d, struct ref_socket *listener)
{
	size_t header;

	if (!d->w->always_cookies || d->s.proto != IPPROTO_TCP || d->s.upper + 20 > d->s.end)
		return;
	header = (size_t)(d->p->at[d->s.upper + 12] >> 4) * 4;
	if (header < 20 || d->s.upper + header > d->s.end || d->s.tcp_flags & FIN)
		return;
	listener->sends_cookies = true;
	d->w->cookies_expected = true;
}

void steer(struct decision *d, int rule, enum steer how, enum tproxy_counter why)
{
	const struct rule *r = &d->w->policy->rules[rule];
	struct ref_socket *listener = find_listener(d, rule);

	if (listener && how != BY_COOKIE)
		note_cookie(d, listener);
	if (!listener) {
		go_down(d, r, NO_LISTENER);
	} else if (how == BY_ASSIGNMENT) {
		count(d, TPROXY_COUNT_ASSIGN_FAILED);
		go_down(d, r, NO_ASSIGNMENT);
	} else {
		give_ticket(d, rule);
		leave_counted(d,
			      how == BY_COOKIE              ? REF_EXIT_TICKET_COOKIE :
			      why == TPROXY_COUNT_TIME_WAIT ? REF_EXIT_TICKET_TIME_WAIT :
							      REF_EXIT_TICKET,
			      REF_KEEP, why);
	}
}

/*
 * A cookie is the SYN's sequence number plus a hash plus the index of one of four MSS values, 0
 * if the SYN has none. So the three numbers above it are valid as well.
 */
bool has_cookie_of(const struct decision *d, const struct ref_socket *listener)
{
	const __u8 *tcp = d->p->at + d->s.upper;
	__be32 seq, ack;

	if (!listener->sends_cookies || d->s.upper + 20 > d->s.end)
		return false;
	memcpy(&seq, tcp + 4, sizeof(seq));
	memcpy(&ack, tcp + 8, sizeof(ack));
	for (size_t i = 0; i < d->w->n_cookies; i++) {
		const struct ref_cookie *c = &d->w->cookies[i];

		if (end_same(&c->from, &d->s.from) && end_same(&c->to, &d->s.to) &&
		    (ntohl(ack) - ntohl(seq)) - (c->ack - c->seq) < 4)
			return true;
	}
	return false;
}
