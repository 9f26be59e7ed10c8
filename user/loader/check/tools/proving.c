/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/proving.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/routing/return_route.h"
#include "loader/check/tools/filters.h"
#include "loader/check/tools/listening.h"

#define FLOW_TEXT_LEN (INET6_ADDRSTRLEN + 32)

/* "TCP to 192.0.2.1 port 80" */
static const char *flow_text(const struct probe_flow *flow, char *buf)
{
	char address[INET6_ADDRSTRLEN];

	inet_ntop(flow->dst.family, flow->dst.addr, address, sizeof(address));
	snprintf(buf, FLOW_TEXT_LEN, "%s to %s port %u", flow->proto == IPPROTO_TCP ? "TCP" : "UDP",
		 address, flow->dst.port);
	return buf;
}

/* What was found without a rule is the same for each of them. */
static bool is_same(const struct problem *before, const struct problem *p)
{
	return problem_same(before, p) ||
	       (!*before->rule && !strcmp(before->id, p->id) && !strcmp(before->ifname, p->ifname));
}

/* NULL if the problem is there already, for another class, which gets this one as well. */
static struct problem *add_as(struct checkup *c, const struct proof *proof, const char *id,
			      enum verdict verdict)
{
	const struct probe_flow *flow = &proof->flow;
	const __u8 cls = (__u8)(1 << listening_class(flow->proto, flow->dst.family));
	const char *name = (const char *)proof->iface->iface.value.name;
	struct problem *p = problem_add(&c->problems, id, verdict, name, proof->rule);

	problem_concerns(p, cls);
	for (size_t i = 0; p && i + 1 < c->problems.n; i++) {
		struct problem *before = &c->problems.items[i];

		if (before->verdict != verdict || !is_same(before, p))
			continue;
		before->classes |= before->classes ? cls : 0;
		c->problems.n--;
		return NULL;
	}
	return p;
}

static struct problem *add(struct checkup *c, const struct proof *proof, const char *id)
{
	return add_as(c, proof, id, VERDICT_BROKEN);
}

/* ---- the ways to get lost ----------------------------------------------- */

/* The probe is dropped for its source: other clients may pass. */
static bool is_for_client(struct checkup *c, const struct proof *proof, const struct fw_walk *walk)
{
	struct probe_flow any = proof->flow;
	struct fw_walk other;

	any.src.family = 0;
	return walk->dropped == FW_ALL &&
	       (!filters_suspect(c, proof->iface, &any, &other) || other.dropped != FW_ALL);
}

static void filtered(struct checkup *c, const struct proof *proof,
		     const struct probe_report *report)
{
	const __u32 mark = c->session->state.config.mark;
	char flow[FLOW_TEXT_LEN], suspect[FILTERS_DROP_LEN], accept[FILTERS_COMMAND_LEN];
	char client[INET6_ADDRSTRLEN] = "";
	struct fw_walk walk;
	const bool known = filters_suspect(c, proof->iface, &proof->flow, &walk);
	const bool some = known && is_for_client(c, proof, &walk);
	struct problem *p =
		add_as(c, proof, "input-filter", some ? VERDICT_DEGRADED : VERDICT_BROKEN);

	if (some)
		inet_ntop(proof->flow.src.family, proof->flow.src.addr, client, sizeof(client));
	problem_text(
		p, "a probe (%s%s%s) is dropped by a packet filter of this host (%s in %s)%s%s",
		flow_text(&proof->flow, flow), *client ? ", as from " : "", client, report->why,
		report->where, known ? ": " : "", known ? filters_drop_text(&walk, suspect) : "");
	if (known && filters_accept(c, walk.chain, accept))
		problem_next(p, "%s; with ufw and firewalld also in their own rules", accept);
	else
		problem_next(p,
			     "nft 'insert rule inet filter input meta mark & 0x%x == 0x%x "
			     "accept'; with ufw and firewalld a rule for this mark before theirs",
			     mark, mark);
}

static void wrong_way(struct checkup *c, const struct proof *proof)
{
	const struct probe_flow *flow = &proof->flow;
	const struct return_route_query query = { .family = flow->src.family,
						  .addr = flow->src.addr };
	const char *name = proof->iface->device.name;
	char client[INET6_ADDRSTRLEN], out[IF_NAMESIZE] = "";
	struct problem *p = add(c, proof, "rp-filter");
	struct return_route back;

	inet_ntop(flow->src.family, flow->src.addr, client, sizeof(client));
	if (!return_route_find(&c->session->nl, &query, &back))
		if_indextoname((unsigned int)back.ifindex, out);
	problem_text(p,
		     "a probe from %s is dropped by rp_filter: the route back to it leaves by %s",
		     client, *out ? out : "another interface");
	problem_next(p, "sysctl -w net/ipv4/conf/%s/rp_filter=2; or add a route back by %s", name,
		     name);
}

static void forwarded(struct checkup *c, const struct proof *proof,
		      const struct probe_report *report)
{
	struct problem *p = add(c, proof, "mark-lost");
	char flow[FLOW_TEXT_LEN], rescue[FILTERS_COMMAND_LEN];

	problem_text(p,
		     "a probe (%s) is forwarded instead of delivered here (%s): its mark is gone "
		     "when it is routed, or another rule comes first",
		     flow_text(&proof->flow, flow), report->where);
	problem_next(p, "%s; better: let what writes the mark leave 0x%x alone",
		     filters_rescue(c, proof->iface->device.name, rescue),
		     c->session->state.config.mask);
}

static void unseen(struct checkup *c, const struct proof *proof)
{
	struct problem *p = add(c, proof, "not-delivered");

	problem_text(p, "a probe did not meet our program: another one takes packets before it");
	problem_next(p, "tc filter show dev %s ingress; bpftool net show dev %s",
		     proof->iface->device.name, proof->iface->device.name);
}

static void lost(struct checkup *c, const struct proof *proof, const struct probe_report *report)
{
	struct problem *p = add(c, proof, "not-delivered");
	char flow[FLOW_TEXT_LEN];

	flow_text(&proof->flow, flow);
	if (*report->where)
		problem_text(p, "a probe (%s) gets no further than %s, which drops it%s%s", flow,
			     report->where, *report->why ? ": " : "", report->why);
	else
		problem_text(p, "a probe (%s) does not arrive, and the kernel does not say why",
			     flow);
	problem_next(p, "nft list ruleset, ip rule and ip route show what may drop it");
}

/* It arrives, but the proxy would connect to another destination. */
static bool is_rewritten(const struct probe_flow *flow, const struct endpoint *dst)
{
	return dst->port != flow->dst.port ||
	       memcmp(dst->addr, flow->dst.addr, flow->dst.family == AF_INET ? 4 : 16) != 0;
}

static void rewritten(struct checkup *c, const struct proof *proof, const struct endpoint *dst)
{
	const struct probe_flow seen = { .proto = proof->flow.proto, .dst = *dst };
	struct problem *p = add(c, proof, "rewritten");
	char sent[FLOW_TEXT_LEN], arrived[FLOW_TEXT_LEN];

	problem_text(p,
		     "a probe (%s) reaches the listener as %s: the proxy connects to that instead",
		     flow_text(&proof->flow, sent), flow_text(&seen, arrived));
	problem_next(p,
		     "remove what rewrites the destination in prerouting (nft list ruleset, "
		     "iptables-save -t nat: DNAT, REDIRECT), or let it skip mark 0x%x",
		     c->session->state.config.mark);
}

/* It followed the other routes of the host, or there is none. */
static bool is_routed_on(const struct probe_report *report)
{
	return !strncmp(report->where, "ip_forward", 10) ||
	       !strncmp(report->where, "ip6_forward", 11) || strstr(report->why, "INNOROUTES");
}

/* Does what is broken for one of its rules break the flows of this class on the interface? */
static bool is_known_of_some_rule(const struct checkup *c, const struct proof *proof, __u8 cls)
{
	for (size_t i = 0; i < c->problems.n; i++) {
		const struct problem *p = &c->problems.items[i];

		if (p->verdict == VERDICT_BROKEN && *p->rule && (!p->classes || p->classes & cls) &&
		    !strcmp(p->ifname, (const char *)proof->iface->iface.value.name))
			return true;
	}
	return false;
}

/* A cause that is known already is not reported as another one. */
static bool is_known(const struct checkup *c, const struct proof *proof)
{
	const __u8 cls = (__u8)(1 << listening_class(proof->flow.proto, proof->flow.dst.family));

	if (!proof->rule && is_known_of_some_rule(c, proof, cls))
		return true;
	return checkup_explains(c, proof->iface, proof->rule ? proof->rule : "", cls);
}

/* A rule that may take flows from us does. */
static bool is_taken_by_other(struct checkup *c, const struct proof *proof)
{
	const __u8 cls = (__u8)(1 << listening_class(proof->flow.proto, proof->flow.dst.family));

	for (size_t i = 0; i < c->problems.n; i++) {
		struct problem *p = &c->problems.items[i];

		if (strcmp(p->id, "other-tproxy") || !(p->classes & cls) ||
		    strcmp(p->ifname, (const char *)proof->iface->iface.value.name))
			continue;
		p->verdict = VERDICT_BROKEN;
		return true;
	}
	return false;
}

static void explain(struct checkup *c, const struct proof *proof, const struct probe_report *report)
{
	if (is_known(c, proof))
		return;
	if (report->result == PROBE_UNSEEN)
		unseen(c, proof);
	else if (strstr(report->why, "NETFILTER_DROP"))
		filtered(c, proof, report);
	else if (strstr(report->why, "RPFILTER"))
		wrong_way(c, proof);
	else if (is_routed_on(report))
		forwarded(c, proof, report);
	else if (!is_taken_by_other(c, proof))
		lost(c, proof, report);
}

enum proved proving_run(struct checkup *c, const struct proof *proof)
{
	struct probe_report report = { 0 };
	int err;

	if (!checkup_may_probe(c))
		return PROVED_NOTHING;
	err = probe_run(&c->session->state, &proof->flow, &report);
	if (err) {
		if (c->must_probe)
			log_warn("%s: cannot send a probe: %s (-v shows more)",
				 proof->iface->device.name, strerror(-err));
		return PROVED_NOTHING;
	}
	c->probes_sent++;
	log_debug("%s: probe: result %d, mark 0x%x, %s %s", proof->iface->device.name,
		  report.result, report.mark, report.why, report.where);
	if (report.result == PROBE_DELIVERED) {
		c->probes_arrived++;
		if (!is_rewritten(&proof->flow, &report.dst))
			return PROVED_ARRIVES;
		if (!is_known(c, proof))
			rewritten(c, proof, &report.dst);
		return PROVED_LOST;
	}
	explain(c, proof, &report);
	return PROVED_LOST;
}
