/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks up addresses, routes, sockets and rules, each by linear search. */
#include <arpa/inet.h>
#include <string.h>

#include "reference_lookup.h"

/* ---- addresses ---------------------------------------------------------- */

bool addr_same(const struct ref_addr *a, const struct ref_addr *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool end_same(const struct ref_end *a, const struct ref_end *b)
{
	return a->port == b->port && addr_same(&a->addr, &b->addr);
}

bool addr_is_any(const struct ref_addr *a)
{
	static const __u8 zero[16];

	return !memcmp(a->bytes, zero, sizeof(zero));
}

static bool lies_in(const struct ref_addr *a, const struct prefix *p)
{
	if (a->family != p->family)
		return false;
	for (int bit = 0; bit < p->len; bit++)
		if ((a->bytes[bit / 8] ^ p->addr[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

/*
 * Multicast, broadcast, loopback, unspecified, and in IPv6 link-local: never forwarded.
 * ip_route_input_slow forwards the rest, 0.0.0.0/8, 169.254.0.0/16 and 240.0.0.0/4 among it.
 */
bool addr_stays_local(const struct ref_addr *a)
{
	const __u8 *b = a->bytes;
	bool ends_in_0_or_1 = b[15] <= 1;

	if (a->family == AF_INET)
		return b[0] == 127 || b[0] >> 4 == 14 || !memcmp(b, "\0\0\0\0", 4) ||
		       !memcmp(b, "\xff\xff\xff\xff", 4);
	if (b[0] == 0xff || (b[0] == 0xfe && b[1] >> 6 == 2))
		return true;
	for (int i = 0; i < 15; i++)
		if (b[i])
			return false;
	return ends_in_0_or_1;
}

void ref_addr_map(const struct ref_addr *a, __u8 to[16])
{
	memset(to, 0, 16);
	if (a->family == AF_INET) {
		to[10] = to[11] = 0xff;
		memcpy(to + 12, a->bytes, 4);
	} else {
		memcpy(to, a->bytes, 16);
	}
}

bool world_owns(const struct ref_world *w, const struct ref_addr *a)
{
	for (size_t i = 0; i < w->n_own; i++)
		if (addr_same(&w->own[i], a))
			return true;
	return false;
}

static const struct ref_route *find_route(const struct ref_world *w, const struct ref_addr *a,
					  bool local)
{
	const struct ref_route *best = NULL;

	for (size_t i = 0; i < w->n_routes; i++) {
		const struct ref_route *r = &w->routes[i];

		if (r->local == local && lies_in(a, &r->prefix) &&
		    (!best || r->prefix.len > best->prefix.len))
			best = r;
	}
	return best;
}

/* Would the kernel forward? With forwarding off it gives no answer. */
bool world_forwards(const struct ref_world *w, const struct ref_addr *from,
		    const struct ref_addr *to)
{
	const struct ref_route *r;

	/* RFC 4291 2.5.3, 2.5.6, 2.7: such sources are never forwarded */
	if (from->family == AF_INET6 && addr_stays_local(from) && !addr_is_any(from))
		return false;
	if (!w->forwarding)
		return true;
	r = find_route(w, to, true);
	if (!r)
		r = find_route(w, to, false);
	return r && r->forward;
}

bool world_has(const struct ref_world *w, const struct ref_addr *from, const struct ref_addr *to)
{
	return world_owns(w, to) && !(w->forwarding && world_forwards(w, from, to));
}

/* ---- sockets ------------------------------------------------------------ */

/* The kernel stores an IPv4 end of an IPv6 socket as ::ffff:a.b.c.d, so IPv6 to it fits too. */
static bool fits(const struct ref_socket *s, const struct ref_addr *end, const struct ref_addr *a)
{
	__u8 mine[16], asked[16];

	if (s->family == AF_INET)
		return addr_same(end, a);
	ref_addr_map(end, mine);
	ref_addr_map(a, asked);
	return !memcmp(mine, asked, sizeof(mine));
}

static bool has_peer(const struct ref_socket *s, const struct ref_end *from,
		     const struct ref_end *to)
{
	if (s->proto == IPPROTO_TCP) /* by a hash that differs for IPv4 and IPv6 */
		return end_same(&s->local, to) && end_same(&s->peer, from);
	return s->local.port == to->port && s->peer.port == from->port &&
	       fits(s, &s->local.addr, &to->addr) && fits(s, &s->peer.addr, &from->addr);
}

/* How well a socket fits a packet, as the kernel ranks them; 0: not at all. */
static int rank(const struct ref_socket *s, __u8 proto, const struct ref_end *from,
		const struct ref_end *to)
{
	if (s->proto != proto || s->local.port != to->port)
		return 0;
	if (s->kind != REF_BOUND)
		return has_peer(s, from, to) ? 4 : 0;
	if (addr_is_any(&s->local.addr)) {
		if (s->family == to->addr.family)
			return 2;
		return s->family == AF_INET6; /* takes IPv4 as well */
	}
	return fits(s, &s->local.addr, &to->addr) ? 3 : 0;
}

static struct ref_socket *find_socket(struct ref_world *w, __u8 proto, const struct ref_end *from,
				      const struct ref_end *to, bool bound_only)
{
	struct ref_socket *best = NULL;
	int best_rank = 0;

	for (size_t i = 0; i < w->n_sockets; i++) {
		struct ref_socket *s = &w->sockets[i];
		int r = bound_only && s->kind != REF_BOUND ? 0 : rank(s, proto, from, to);

		if (r > best_rank) {
			best = s;
			best_rank = r;
		}
	}
	return best;
}

struct ref_socket *world_listener(struct ref_world *w, __u8 proto, const struct ref_end *from,
				  const struct ref_end *to)
{
	return find_socket(w, proto, from, to, true);
}

/* A wildcard listener owns nothing. */
enum ref_owner world_owner(struct ref_world *w, __u8 proto, const struct ref_end *from,
			   const struct ref_end *to, const struct ref_socket **ret_socket)
{
	const struct ref_socket *s = find_socket(w, proto, from, to, false);

	if (ret_socket)
		*ret_socket = s;
	if (!s)
		return REF_NOBODY;
	if (s->kind == REF_TIME_WAIT)
		return REF_IN_TIME_WAIT;
	if (s->kind == REF_CONNECTED)
		return REF_HAS_PEER;
	return addr_is_any(&s->local.addr) ? REF_NOBODY : REF_BOUND_HERE;
}

/* ---- rules -------------------------------------------------------------- */

static bool in_any(const struct ref_addr *a, const struct prefix_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (lies_in(a, &set->items[i]))
			return true;
	return false;
}

static bool serves(const struct service_set *set, __u8 proto, __u16 port)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct service *s = &set->items[i];
		if (s->proto != proto)
			continue;
		if (!s->range.first || (s->range.first <= port && port <= s->range.last))
			return true;
	}
	return false;
}

static bool names(const struct ref_iface *iface, int i, const struct rule *r, const struct seen *s)
{
	return r->used && iface->rules >> i & 1 && in_any(&s->to.addr, &r->to) &&
	       in_any(&s->from.addr, &r->from);
}

bool world_has_rule(const struct ref_world *w, const struct ref_iface *iface, const struct seen *s)
{
	for (int i = 0; i < TPROXY_MAX_RULES && iface; i++)
		if (names(iface, i, &w->policy->rules[i], s))
			return true;
	return false;
}

bool world_has_rule_from(const struct ref_world *w, const struct ref_iface *iface,
			 const struct ref_addr *from)
{
	for (int i = 0; i < TPROXY_MAX_RULES && iface; i++) {
		const struct rule *r = &w->policy->rules[i];

		if (r->used && iface->rules >> i & 1 && in_any(from, &r->from))
			return true;
	}
	return false;
}

int world_rule(const struct ref_world *w, const struct ref_iface *iface, const struct seen *s)
{
	for (int i = 0; i < TPROXY_MAX_RULES && iface; i++) {
		const struct rule *r = &w->policy->rules[i];

		if (names(iface, i, r, s) && serves(&r->services, s->proto, s->to.port))
			return i;
	}
	return -1;
}
