/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do the flow starts that were given to a listener arrive? The data path counts what becomes of
 * them. Where the figure is bad, the likeliest causes are checked for the latest client, and a
 * probe proves the rest. Scans and spoofed starts give a bad figure as well, so that the figure
 * alone is never worse than `degraded`.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/maps/health.h"
#include "lib/mapped.h"
#include "loader/check/list.h"
#include "loader/check/tools/listening.h"
#include "loader/check/tools/neighbourhood.h"
#include "loader/check/tools/proving.h"
#include "loader/check/tools/return_path.h"
#include "loader/steps/routing/steps_route.h"

#define FRESH_NS (60 * 1000000000ULL)
/* Longer than a handshake takes: after this time the SYN is sent again (RFC 6298 2.1). */
#define PATIENCE_NS 1000000000ULL
#define DOUBTFUL_IFACES 8 /* to probe at most without --probe; each takes some 50 ms */

/* The latest flow of a rule and protocol. */
struct sample {
	const struct rule *rule;
	const struct checked_iface *iface; /* where it came in */
	struct health health;
	struct probe_flow flow;
	__u8 classes; /* its class, as a bit */
};

/* ---- the latest flow ---------------------------------------------------- */

static struct endpoint endpoint_of(const __u8 mapped[16], __be16 port)
{
	struct endpoint e = { .port = ntohs(port) };

	e.family = mapped_to(mapped, e.addr);
	return e;
}

static const struct checked_iface *find_iface(const struct checkup *c, __u32 ifindex, int rule)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->ifaces[i].iface.ifindex == ifindex && checkup_takes(c, &c->ifaces[i], rule))
			return &c->ifaces[i];
	return NULL;
}

static bool read_sample(const struct checkup *c, int rule, __u8 proto, struct sample *s)
{
	const struct tproxy_flow_key *last = &s->health.last;

	*s = (struct sample){ .rule = &c->policy.rules[rule] };
	if (health_read(&c->session->state, (__u32)rule, proto, &s->health) || !s->health.last_ns)
		return false;
	s->iface = find_iface(c, s->health.ifindex, rule);
	if (!s->iface || monotonic_ns() - s->health.last_ns > FRESH_NS)
		return false;
	s->flow.proto = proto;
	s->flow.ifindex = (int)s->health.ifindex;
	s->flow.src = endpoint_of(last->src, 0);
	s->flow.dst = endpoint_of(last->dst, last->dport);
	s->classes = (__u8)(1 << listening_class(proto, s->flow.dst.family));
	/* A client that still tries IPv6 where it is off fails with or without us. */
	return steps_family_wanted(s->flow.dst.family, s->iface->device.name);
}

static bool is_explained(const struct checkup *c, const struct sample *s)
{
	return checkup_explains(c, s->iface, s->rule->name, s->classes);
}

static enum proved prove(struct checkup *c, const struct sample *s)
{
	const struct proof proof = { s->iface, s->rule->name, s->flow };

	return proving_run(c, &proof);
}

/* ---- one rule ----------------------------------------------------------- */

/* Most starts of the last minute failed, or all of the latest, which older good ones would hide. */
static bool looks_bad(const struct health *h)
{
	if (h->started >= 2 && 2 * h->delivered < h->started)
		return true;
	return h->unanswered >= 2 && monotonic_ns() - h->unanswered_ns >= PATIENCE_NS;
}

static void report_figure(struct checkup *c, const struct sample *s, enum proved proved)
{
	struct problem *p = problem_add(&c->problems, "not-delivered", VERDICT_DEGRADED,
					(const char *)s->iface->iface.value.name, s->rule->name);
	char latest[64] = "";

	problem_concerns(p, s->classes);
	if (s->health.unanswered)
		snprintf(latest, sizeof(latest), ", and none of the latest %llu",
			 s->health.unanswered);
	problem_text(p,
		     "%llu flow starts were given to the listener in the last minute, %llu of "
		     "them became connections%s%s",
		     s->health.started, s->health.delivered, latest,
		     proved == PROVED_ARRIVES ? "; a probe does arrive" : "");
	if (proved == PROVED_ARRIVES && !s->health.unanswered)
		problem_next(p, "run status again in a minute if something was just mended: the "
				"latest flow start did arrive; scans look like this as well");
	else if (proved == PROVED_ARRIVES)
		problem_next(p,
			     "scans look like this; else see whether answers leave this host (nft "
			     "list ruleset, output) and whether the proxy accepts (ss -lt)");
	else
		problem_next(p, "tproxy-loader status --probe says whether packets arrive");
}

static void check_tcp(struct checkup *c, const struct sample *s)
{
	const struct client client = {
		.iface = s->iface,
		.rule = s->rule->name,
		.classes = s->classes,
		.dead_hop = VERDICT_DEGRADED,
		.family = s->flow.src.family,
		.addr = s->flow.src.addr,
	};
	const bool bad = looks_bad(&s->health);
	enum proved proved;

	if ((!bad && s->health.started - s->health.delivered < 2) || is_explained(c, s))
		return;
	if (return_path_check(c, &client)) {
		/* A few spoofed starts among many flows break nothing. */
		if (!bad && c->problems.n)
			c->problems.items[c->problems.n - 1].verdict = VERDICT_DEGRADED;
		return;
	}
	if (!bad)
		return;
	proved = prove(c, s);
	if (proved != PROVED_LOST)
		report_figure(c, s, proved);
}

/* There is no figure: the data path does not see a datagram arrive. */
static void check_udp(struct checkup *c, const struct sample *s)
{
	if (s->health.started && !is_explained(c, s))
		prove(c, s);
}

static void check_rule(struct checkup *c, int rule)
{
	struct sample sample;

	if (!rule_is_proxy(&c->policy.rules[rule]))
		return;
	if (read_sample(c, rule, IPPROTO_TCP, &sample))
		check_tcp(c, &sample);
	if (read_sample(c, rule, IPPROTO_UDP, &sample))
		check_udp(c, &sample);
}

/* ---- probes on all ------------------------------------------------------ */

static __u16 any_port(const struct rule *rule, __u8 proto)
{
	for (size_t i = 0; i < rule->services.n; i++)
		if (rule->services.items[i].proto == proto && rule->services.items[i].range.first)
			return rule->services.items[i].range.first;
	return proto == IPPROTO_TCP ? 80 : 53;
}

/* From the latest client, or from a possible one. */
static bool make_sample(struct checkup *c, const struct checked_iface *iface, int rule,
			enum tproxy_class cls, struct sample *s)
{
	const __u8 proto = listening_protocol(cls), family = listening_family(cls);

	if (read_sample(c, rule, proto, s) && s->iface == iface && s->flow.dst.family == family)
		return true;
	s->iface = iface;
	s->classes = (__u8)(1 << cls);
	s->flow = (struct probe_flow){ .proto = proto, .ifindex = (int)iface->iface.ifindex };
	neighbourhood_stranger(family, &s->flow.dst);
	s->flow.dst.port = any_port(s->rule, proto);
	return !neighbourhood_client(&c->session->nl, s->flow.ifindex, family, &s->flow.src);
}

static void probe_class(struct checkup *c, const struct checked_iface *iface, int rule,
			enum tproxy_class cls)
{
	struct sample sample;
	struct proof proof = { .iface = iface };

	if (!make_sample(c, iface, rule, cls, &sample)) {
		log_debug("%s: no %s probe: it has no address from which to derive a client",
			  iface->device.name, listening_class_names[cls]);
		return;
	}
	proof.flow = sample.flow;
	proving_run(c, &proof);
}

/* One probe for each class, by the first rule that takes it. */
static void probe_iface(struct checkup *c, const struct checked_iface *iface)
{
	__u8 done = 0;

	for (int rule = 0; rule < TPROXY_MAX_RULES; rule++) {
		__u8 wanted = 0;

		if (rule_is_proxy(&c->policy.rules[rule]) && checkup_takes(c, iface, rule))
			wanted = listening_wanted(&c->policy.rules[rule]) & (__u8)~done;
		for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
			if (!(wanted >> cls & 1))
				continue;
			done |= (__u8)(1 << cls);
			probe_class(c, iface, rule, cls);
		}
	}
}

/*
 * The figure covers all families and interfaces together, and there is none for UDP. So many flows
 * of one could hide that those of another get lost.
 */
static bool is_doubtful(const struct checkup *c, int rule)
{
	struct health tcp = { 0 }, udp = { 0 };

	if (!rule_is_proxy(&c->policy.rules[rule]) ||
	    health_read(&c->session->state, (__u32)rule, IPPROTO_TCP, &tcp) ||
	    health_read(&c->session->state, (__u32)rule, IPPROTO_UDP, &udp))
		return false;
	return udp.started || tcp.started - tcp.delivered >= 2;
}

static size_t ifaces_to_probe(const struct checkup *c)
{
	if (c->must_probe)
		return c->n;
	for (int rule = 0; rule < TPROXY_MAX_RULES && c->may_probe; rule++)
		if (is_doubtful(c, rule))
			return c->n < DOUBTFUL_IFACES ? c->n : DOUBTFUL_IFACES;
	return 0;
}

/* ---- the wrong interface ------------------------------------------------ */

static void check_side(struct checkup *c, const struct checked_iface *iface, __u64 past)
{
	const char *name = (const char *)iface->iface.value.name;
	struct tproxy_rulestat stat;
	struct problem *p;
	bool any = false;

	for (int rule = 0; rule < TPROXY_MAX_RULES; rule++) {
		if (!rule_is_proxy(&c->policy.rules[rule]) || !checkup_takes(c, iface, rule))
			continue;
		any = true;
		if (policy_maps_rulestat(&c->session->state, (__u32)rule, &stat) || stat.flows)
			return;
	}
	if (!any || !past)
		return;
	p = problem_add(&c->problems, "wrong-interface", VERDICT_DEGRADED, name, NULL);
	problem_text(p,
		     "no flow has started here, but %llu answers of servers to new flows have come "
		     "in: the clients enter by another interface",
		     past);
	problem_next(p, "attach the interface that ip route get CLIENT names");
}

void check_delivery(struct checkup *c)
{
	__u64 counters[TPROXY_COUNT_MAX];
	const size_t n = ifaces_to_probe(c);

	for (size_t i = 0; i < n; i++)
		probe_iface(c, &c->ifaces[i]);
	for (int rule = 0; rule < TPROXY_MAX_RULES; rule++)
		check_rule(c, rule);
	if (policy_maps_counters(&c->session->state, counters))
		return;
	for (size_t i = 0; i < c->n; i++)
		check_side(c, &c->ifaces[i], counters[TPROXY_COUNT_PAST]);
}
