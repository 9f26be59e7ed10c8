/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/rule_probe.h"

#include <netinet/in.h>
#include <string.h>

#include "kernel/maps/health.h"
#include "kernel/routing/return_route.h"
#include "lib/mapped.h"
#include "loader/check/tools/listening.h"
#include "loader/check/tools/neighbourhood.h"
#include "loader/check/tools/proving.h"

/* Prefixes and services of a rule that are tried until a flow is found that it takes. */
#define TRIES 8
/* And addresses of each prefix: the first is often that of this host. */
#define HOSTS 4
#define CLIENT_PORT 40000

const char *const rule_probe_names[RULE_PROBE_MAX] = {
	[RULE_PROBE_ARRIVES] = "arrives",     [RULE_PROBE_LOST] = "lost",
	[RULE_PROBE_UNSENT] = "not-sent",     [RULE_PROBE_NO_CLIENT] = "no-client",
	[RULE_PROBE_NO_FLOW] = "no-own-flow",
};

/* ---- addresses ---------------------------------------------------------- */

/*
 * An address of a prefix that a host may have: number 0 is the first one. False if the prefix has
 * no address of this number.
 */
static bool host_of(const struct prefix *prefix, unsigned int number, struct endpoint *ret_host)
{
	const unsigned int last = prefix->family == AF_INET ? 3 : 15;
	const unsigned int room = 8 * (last + 1) - prefix->len;
	const unsigned int bits = room ? number + 1 : number;

	if (room < 8 && bits >> room)
		return false;
	*ret_host = (struct endpoint){ .family = prefix->family };
	memcpy(ret_host->addr, prefix->addr, last + 1);
	ret_host->addr[last] |= (__u8)bits;
	return true;
}

static bool has_address(const struct prefix_set *set, const struct endpoint *address)
{
	const struct prefix host = {
		.family = address->family,
		.len = address->family == AF_INET ? 32 : 128,
	};
	struct prefix one = host;

	memcpy(one.addr, address->addr, sizeof(one.addr));
	for (size_t i = 0; i < set->n; i++)
		if (set->items[i].family == one.family && prefix_covers(&set->items[i], &one))
			return true;
	return false;
}

/* Do answers to it leave by the interface? */
static bool is_reached_by(struct checkup *c, const struct rule_probe *probe,
			  const struct endpoint *client)
{
	const struct return_route_query query = {
		.family = client->family,
		.addr = client->addr,
		.vrf = device_vrf(&probe->iface->device),
	};
	struct return_route route;

	return !return_route_find(&c->session->nl, &query, &route) && !route.own &&
	       route.ifindex == probe->iface->device.ifindex;
}

/* Who really came in here. A forged address is not reached by the interface. */
static bool take_latest_client(struct checkup *c, struct rule_probe *probe, __u8 proto)
{
	const struct rule *rule = &c->policy.rules[probe->rule];
	struct endpoint client = { .port = 0 };
	struct health health = { 0 };

	if (health_read(&c->session->state, (__u32)probe->rule, proto, &health) ||
	    !health.last_ns || health.ifindex != probe->iface->iface.ifindex)
		return false;
	client.family = mapped_to(health.last.src, client.addr);
	if (client.family != listening_family(probe->cls) || !has_address(&rule->from, &client) ||
	    !is_reached_by(c, probe, &client))
		return false;
	probe->src = client;
	return true;
}

/* The latest client, a neighbour, or an address of `from` that is reached by this interface. */
static bool find_client(struct checkup *c, struct rule_probe *probe)
{
	const struct rule *rule = &c->policy.rules[probe->rule];
	const __u8 family = listening_family(probe->cls);
	size_t tries = 0;

	if (take_latest_client(c, probe, IPPROTO_TCP) || take_latest_client(c, probe, IPPROTO_UDP))
		return true;
	if (!neighbourhood_client(&c->session->nl, probe->iface->device.ifindex, family,
				  &probe->src) &&
	    has_address(&rule->from, &probe->src))
		return true;
	for (size_t i = 0; i < rule->from.n && tries < TRIES; i++) {
		if (rule->from.items[i].family != family || !rule->from.items[i].len)
			continue;
		tries++;
		host_of(&rule->from.items[i], 0, &probe->src);
		if (is_reached_by(c, probe, &probe->src))
			return true;
	}
	probe->src = (struct endpoint){ 0 };
	return false;
}

/* ---- a flow that the rule takes ----------------------------------------- */

/*
 * Would the program give it to the listener of this rule? Without a route to the destination it
 * would not, but the way of the packet to a listener is the same.
 */
static bool is_taken(const struct simulation *simulation, const struct rule_probe *probe)
{
	struct simulated_flow flow = {
		.proto = listening_protocol(probe->cls),
		.src = probe->src,
		.dst = probe->dst,
		.ifindex = probe->iface->device.ifindex,
	};
	struct simulate_result result;

	flow.src.port = CLIENT_PORT;
	if (simulate_run(simulation, &flow, &result) || result.rule != probe->rule)
		return false;
	return result.verdict == SIMULATE_PROXY || result.verdict == SIMULATE_UNROUTED ||
	       result.no_listener;
}

static bool try_services(const struct simulation *simulation, const struct rule *rule,
			 struct rule_probe *probe)
{
	const __u8 proto = listening_protocol(probe->cls);
	size_t tries = 0;

	for (size_t i = 0; i < rule->services.n && tries < TRIES; i++) {
		const struct service *service = &rule->services.items[i];

		if (service->proto != proto)
			continue;
		tries++;
		probe->dst.port = service->range.first ? service->range.first :
				  proto == IPPROTO_TCP ? 80 :
							 53;
		if (is_taken(simulation, probe))
			return true;
	}
	return false;
}

/* The destination of the latest flow, which certainly is one of this rule. */
static bool try_latest(const struct checkup *c, const struct simulation *simulation,
		       struct rule_probe *probe)
{
	struct health health = { 0 };

	if (health_read(&c->session->state, (__u32)probe->rule, listening_protocol(probe->cls),
			&health) ||
	    !health.last_ns)
		return false;
	probe->dst = (struct endpoint){ .port = ntohs(health.last.dport) };
	probe->dst.family = mapped_to(health.last.dst, probe->dst.addr);
	return probe->dst.family == listening_family(probe->cls) && is_taken(simulation, probe);
}

static bool try_prefix(const struct simulation *simulation, const struct rule *rule,
		       const struct prefix *to, struct rule_probe *probe)
{
	if (!to->len) {
		neighbourhood_stranger(to->family, &probe->dst);
		return try_services(simulation, rule, probe);
	}
	for (unsigned int i = 0; i < HOSTS && host_of(to, i, &probe->dst); i++)
		if (try_services(simulation, rule, probe))
			return true;
	return false;
}

static bool find_flow(const struct checkup *c, const struct simulation *simulation,
		      struct rule_probe *probe)
{
	const struct rule *rule = &c->policy.rules[probe->rule];
	const __u8 family = listening_family(probe->cls);
	size_t tries = 0;

	if (try_latest(c, simulation, probe))
		return true;
	for (size_t i = 0; i < rule->to.n && tries < TRIES; i++) {
		if (rule->to.items[i].family != family)
			continue;
		tries++;
		if (try_prefix(simulation, rule, &rule->to.items[i], probe))
			return true;
	}
	probe->dst = (struct endpoint){ 0 };
	return false;
}

/*
 * A flow that is known to break needs no second problem. Here a problem of the proxy explains
 * nothing, because the probe has a listener of its own; its rule is not asked for then.
 */
static enum proved prove(struct checkup *c, const struct rule_probe *probe,
			 const struct proof *proof)
{
	const size_t n = c->problems.n;
	const bool explained = checkup_explains(c, probe->iface, "", (__u8)(1 << probe->cls));
	enum proved proved = proving_run(c, proof);

	if (explained && c->problems.n > n)
		c->problems.n = n;
	return proved;
}

void rule_probe_run(struct checkup *c, const struct simulation *simulation,
		    struct rule_probe *probe)
{
	static const enum rule_probe_result results[] = {
		[PROVED_ARRIVES] = RULE_PROBE_ARRIVES,
		[PROVED_LOST] = RULE_PROBE_LOST,
		[PROVED_NOTHING] = RULE_PROBE_UNSENT,
	};
	struct proof proof = { .iface = probe->iface, .rule = c->policy.rules[probe->rule].name };

	if (!find_client(c, probe)) {
		probe->result = RULE_PROBE_NO_CLIENT;
		return;
	}
	if (!find_flow(c, simulation, probe)) {
		probe->result = RULE_PROBE_NO_FLOW;
		return;
	}
	proof.flow = (struct probe_flow){
		.proto = listening_protocol(probe->cls),
		.ifindex = probe->iface->device.ifindex,
		.src = probe->src,
		.dst = probe->dst,
	};
	probe->result = results[prove(c, probe, &proof)];
}
