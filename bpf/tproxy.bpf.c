// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Entry points. tproxy_ingress decides for each packet that enters an attached
 * interface: leave it alone, keep it on this host (mark), steer it to a proxy's
 * listener (mark and assign), drop or refuse it. tproxy_lookup is the second door
 * for flow starts that tc cannot assign.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.bpf.h"
#include "count.bpf.h"
#include "parse.bpf.h"
#include "addr.bpf.h"
#include "proxied.bpf.h"
#include "match.bpf.h"
#include "older.bpf.h"
#include "owner.bpf.h"
#include "syn.bpf.h"
#include "steer.bpf.h"
#include "frag.bpf.h"
#include "icmp.bpf.h"
#include "cookie.bpf.h"
#include "pool.bpf.h"

#define PACKET_HOST 0
/* TCX_NEXT has the same value: whoever comes after us still runs. */
#define TC_ACT_UNSPEC (-1)
#define TC_ACT_SHOT 2

/* What the headers and the socket table say, before any rule is asked. */
struct intent {
	enum {
		INTENT_NEXT,
		INTENT_KEEP,   /* count `why` */
		INTENT_POLICY, /* ask the rules; steer by `how`, count `why` */
	} what;
	enum steer_how how;
	enum tproxy_counter why;
	bool keep_without_rule; /* a socket is bound to exactly this destination */
};

/*
 * A flow of this host's own address is kept like any other that a socket owns: the
 * local table delivers it before our rule is asked, and a look-up of the address
 * would make every packet of every relayed flow a fifth dearer (50 of 280 ns).
 */
static __always_inline struct intent tcp(struct __sk_buff *skb, struct flow *f)
{
	__u8 flags = tcp_control(f);
	struct intent i = { .what = INTENT_POLICY, .why = TPROXY_COUNT_STEERED };
	enum owner owner = tcp_owner(skb, f);

	if (owner == OWNER_REQUEST && flags == TCP_ACK)
		health_shake(f);
	if (owner == OWNER_FLOW || owner == OWNER_REQUEST ||
	    (owner == OWNER_TIME_WAIT && flags != TCP_SYN)) {
		i.what = INTENT_KEEP;
		i.why = TPROXY_COUNT_OWNED;
	} else if (owner == OWNER_FOREIGN_LISTENER && flags == TCP_SYN) {
		i.what = INTENT_KEEP;
		i.why = TPROXY_COUNT_FOREIGN_LISTENER;
	} else if (owner == OWNER_TIME_WAIT) {
		/* Assigning is ignored in TIME_WAIT; there the kernel looks for a listener itself. */
		i.how = STEER_TICKET;
		i.why = TPROXY_COUNT_TIME_WAIT;
	} else if (flags == TCP_SYN) {
		i.how = f->frag ? STEER_TICKET : STEER_ASSIGN;
	} else if (flags == TCP_ACK && !f->frag && cookie_expected()) {
		i.how = STEER_COOKIE;
		i.why = TPROXY_COUNT_COOKIE;
	} else if (began_at_proxy(f, BEGAN_HERE)) {
		i.how = STEER_LATE;
		i.why = TPROXY_COUNT_LATE;
	} else {
		i.what = INTENT_NEXT; /* a flow older than us: leave it alone */
		if (flags == (TCP_SYN | TCP_ACK) && answers_past(skb, f))
			count(TPROXY_COUNT_PAST);
	}
	return i;
}

/*
 * What a connected socket owns is kept whatever its TTL: udp_v4_early_demux() gives the packet
 * that socket, and ip_forward() then drops it without a word. The relay answers.
 *
 * Policy goes before a socket that is merely bound to the destination: that is a
 * proxy's reply socket, and would swallow the client's datagrams.
 */
static __always_inline struct intent udp(struct __sk_buff *skb, struct flow *f)
{
	struct intent i = { .what = INTENT_POLICY, .why = TPROXY_COUNT_STEERED };
	enum owner owner = udp_owner(skb, f);

	i.how = f->frag ? STEER_TICKET : STEER_ASSIGN;
	i.keep_without_rule = owner == OWNER_FOREIGN_LISTENER;
	if (owner == OWNER_FLOW) {
		i.what = INTENT_KEEP;
		i.why = TPROXY_COUNT_OWNED;
	}
	return i;
}

static __always_inline enum verdict leave(enum tproxy_counter why)
{
	count(why);
	return VERDICT_NEXT;
}

/* A flow start that a proxy rule wants. The kernel does not forward at TTL 1, and says so. */
static __always_inline enum verdict proxy(struct __sk_buff *skb, const struct match *m,
					  struct flow *f, const struct intent *i)
{
	if (m->rule->unrouted == TPROXY_UNROUTED_PASS && dst_is_unrouted(skb, f))
		return leave(TPROXY_COUNT_UNROUTED);
	if (f->ttl <= 1)
		return leave(TPROXY_COUNT_TTL);
	if (came_back(skb, f))
		count(TPROXY_COUNT_LOOP);
	if (f->frag == FRAG_FIRST && m->rule->on_down != TPROXY_ON_DOWN_PASS)
		frag_doom(f);
	if (syn_is_for_server(skb, f)) {
		count(TPROXY_COUNT_UNANSWERABLE);
		return on_down(skb, m->rule, f);
	}
	return steer(skb, m, f, i->how, i->why);
}

/* A flow that a rule concerns. */
static __always_inline enum verdict act(struct __sk_buff *skb, const struct match *m,
					struct flow *f, const struct intent *i)
{
	__u8 action = m->rule->action;

	if (i->how >= STEER_COOKIE)
		return action == TPROXY_ACTION_PROXY ? steer(skb, m, f, i->how, i->why) :
						       VERDICT_NEXT;
	if (dst_is_ours(skb, f))
		return leave(TPROXY_COUNT_LOCAL_DST);
	if (action == TPROXY_ACTION_PROXY && f->proto == IPPROTO_UDP && is_older(f, OLDER_RENEW))
		return leave(TPROXY_COUNT_OLDER);
	count_rule(m->number, f->bytes, f->proto == IPPROTO_TCP);
	if (action == TPROXY_ACTION_PASS)
		return leave(TPROXY_COUNT_RULE_PASS);
	if (action == TPROXY_ACTION_PROXY)
		return proxy(skb, m, f, i);
	if (f->frag == FRAG_FIRST)
		frag_doom(f);
	count(TPROXY_COUNT_RULE_DROP);
	return VERDICT_DROP;
}

static __always_inline enum verdict decide_flow(struct __sk_buff *skb,
						const struct tproxy_config *cfg, struct flow *f)
{
	struct intent i = f->proto == IPPROTO_TCP ? tcp(skb, f) : udp(skb, f);
	enum verdict verdict = VERDICT_NEXT;
	struct match m;

	if (i.what == INTENT_NEXT)
		return VERDICT_NEXT;
	if (i.what == INTENT_KEEP)
		return keep(i.why);
	m = match(skb, cfg, f);
	if (m.rule)
		verdict = act(skb, &m, f, &i);
	else if (i.keep_without_rule)
		return keep(TPROXY_COUNT_FOREIGN_LISTENER);
	if (verdict != VERDICT_NEXT || f->proto != IPPROTO_TCP)
		return verdict;
	if (i.how < STEER_COOKIE)
		began_at_proxy(f, BEGAN_FORGET);
	else if (began_at_proxy(f, BEGAN_HERE))
		return keep(TPROXY_COUNT_LATE);
	return VERDICT_NEXT;
}

/*
 * Could a rule mean this packet, of which only a part was read? The final destination of a
 * source route is not in the header; behind too many tags not even a source is known.
 */
static __always_inline bool is_concerned(struct __sk_buff *skb, const struct tproxy_config *cfg,
					 const struct flow *f, enum parse_result why)
{
	__u32 slot = cfg->generation & 1;

	if (why == PARSE_TAGS)
		return match_iface(skb, &slot);
	if (!f->family)
		return false;
	if (why == PARSE_SOURCE_ROUTE || why == PARSE_ROUTING_HEADER)
		return match_iface(skb, &slot) & match_source(&slot, f);
	return !dst_stays_local(f) && !dst_is_ours(skb, f) && match_addresses(skb, cfg, f);
}

static __always_inline enum tproxy_counter unreadable_counter(enum parse_result why)
{
	switch (why) {
	case PARSE_HIDDEN:
		return TPROXY_COUNT_HIDDEN;
	case PARSE_CHAIN:
		return TPROXY_COUNT_HIDDEN_CHAIN;
	case PARSE_SOURCE_ROUTE:
		return TPROXY_COUNT_SOURCE_ROUTE;
	case PARSE_ROUTING_HEADER:
		return TPROXY_COUNT_ROUTING_HEADER;
	case PARSE_OVERLAP:
		return TPROXY_COUNT_FRAG_OVERLAP;
	case PARSE_TAGS:
		return TPROXY_COUNT_VLAN_TAGS;
	default:
		return TPROXY_COUNT_MALFORMED;
	}
}

/*
 * The receiver would see a flow that no rule was asked about. RFC 1858 and RFC 7112 let a
 * filter drop what hides behind fragments and chains, RFC 8504 5.3 a host the latter.
 */
static __always_inline enum verdict decide_unreadable(struct __sk_buff *skb,
						      const struct tproxy_config *cfg,
						      const struct flow *f, enum parse_result why)
{
	bool concerned = is_concerned(skb, cfg, f, why);

	if (concerned)
		count(unreadable_counter(why));
	if (concerned && cfg->unreadable == TPROXY_UNREADABLE_DROP) {
		if (f->frag == FRAG_FIRST)
			frag_doom(f);
		return VERDICT_DROP;
	}
	if (f->frag == FRAG_LATER)
		return frag_later(f);
	if (f->frag == FRAG_FIRST)
		frag_forget(f);
	return VERDICT_NEXT;
}

static __always_inline enum verdict decide(struct __sk_buff *skb, const struct tproxy_config *cfg,
					   struct flow *f)
{
	enum parse_result result = parse(skb, f);
	enum verdict verdict;

	if (result == PARSE_OTHER)
		return VERDICT_NEXT;
	if (result == PARSE_ICMP)
		return dst_stays_local(f) || dst_is_ours(skb, f) ? VERDICT_NEXT : icmp(skb, f);
	if (result != PARSE_FLOW)
		return decide_unreadable(skb, cfg, f, result);
	if (dst_stays_local(f))
		return VERDICT_NEXT;
	if (f->frag == FRAG_LATER)
		return frag_later(f);
	if (f->frag == FRAG_FIRST)
		frag_forget(f);
	verdict = decide_flow(skb, cfg, f);
	if (verdict == VERDICT_KEEP && f->frag == FRAG_FIRST)
		frag_keep(f);
	return verdict;
}

/* Only tc sees whether a datagram may be fragmented; a second bit carries it to the socket. */
static __always_inline __u32 kept_mark(const struct tproxy_config *cfg, const struct flow *f)
{
	return f->df && f->proto == IPPROTO_UDP ? cfg->mark | cfg->df_mark : cfg->mark;
}

/*
 * A packet of the loader, put on this interface to see whether it arrives: from here on it
 * fares like every steered packet, and the listener is the loader's own. Outsiders cannot set
 * a packet's mark. A global function.
 */
__noinline int is_probe(struct __sk_buff *skb)
{
	struct bpf_sock *s __cleanup_sk = NULL;
	struct tproxy_probe *p;
	__u32 key = 0;

	p = bpf_map_lookup_elem(&probe, &key);
	if (!p || !p->mark || skb->mark != p->mark)
		return 0;
	__sync_fetch_and_add(&p->seen, 1);
	key = TPROXY_PROBE_SLOT(p->cls % TPROXY_CLASS_MAX);
	s = bpf_map_lookup_elem(&socks, &key);
	if (s)
		bpf_sk_assign(skb, s, 0);
	return 1;
}

SEC("tc")
int tproxy_ingress(struct __sk_buff *skb)
{
	const struct tproxy_config *cfg = get_config();
	struct flow f = {};

	if (!cfg || !cfg->mask) {
		count(TPROXY_COUNT_NO_POLICY);
		return TC_ACT_UNSPEC;
	}
	if (skb->pkt_type != PACKET_HOST)
		return TC_ACT_UNSPEC;
	/* A tagged frame belongs to the VLAN device; VID 0 is only a priority tag. */
	if (skb->vlan_present && (skb->vlan_tci & VLAN_VID_MASK))
		return TC_ACT_UNSPEC;
	if (skb->mark & cfg->mask) {
		if (is_probe(skb)) {
			skb->mark = cfg->mark;
			return TC_ACT_UNSPEC;
		}
		count(TPROXY_COUNT_FORGED_MARK);
		skb->mark &= ~cfg->mask;
	}
	switch (decide(skb, cfg, &f)) {
	case VERDICT_KEEP:
		skb->mark = (skb->mark & ~cfg->df_mark) | kept_mark(cfg, &f);
		return TC_ACT_UNSPEC;
	case VERDICT_DROP:
		return TC_ACT_SHOT;
	case VERDICT_REPLY:
		return bpf_redirect(skb->ingress_ifindex, 0);
	default:
		return TC_ACT_UNSPEC;
	}
}

/*
 * A listener that is gone is refused: the kernel's own look-up could find an unrelated
 * wildcard listener of this host.
 */
static __always_inline bool choose(struct bpf_sk_lookup *ctx, __u32 slot)
{
	struct bpf_sock *s __cleanup_sk = bpf_map_lookup_elem(&socks, &slot);

	return s && !bpf_sk_assign(ctx, s, 0);
}

/*
 * Runs for listener look-ups of the whole network namespace. A ticket names one
 * exact flow that tproxy_ingress decided on, and a pool one service of this host:
 * so no interface or address list is needed.
 */
SEC("sk_lookup")
int tproxy_lookup(struct bpf_sk_lookup *ctx)
{
	struct tproxy_flow_key key = { .proto = ctx->protocol };
	struct tproxy_ticket *ticket;

	key.sport = ctx->remote_port;
	key.dport = bpf_htons(ctx->local_port);
	if (is_asking(asked_ports(key.sport, key.dport)))
		return SK_PASS;
	if (ctx->family == AF_INET) {
		addr_map4(key.src, ctx->remote_ip4);
		addr_map4(key.dst, ctx->local_ip4);
	} else {
		__u32 *src = (__u32 *)key.src, *dst = (__u32 *)key.dst;

		for (int i = 0; i < 4; i++) {
			src[i] = ctx->remote_ip6[i];
			dst[i] = ctx->local_ip6[i];
		}
	}
	ticket = bpf_map_lookup_elem(&tickets, &key);
	if (ticket) {
		if (!choose(ctx, ticket->slot))
			return SK_DROP;
		count(TPROXY_COUNT_LOOKUP);
		return SK_PASS;
	}
	if (!is_pool(&key))
		return SK_PASS;
	if (!choose(ctx, flow_slot(0, &key, ctx->family))) {
		count(TPROXY_COUNT_POOL_DOWN);
		return SK_DROP;
	}
	count(TPROXY_COUNT_POOL);
	return SK_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
