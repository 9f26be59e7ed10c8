/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/filters.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel/netfilter/read/firewall.h"
#include "loader/check/tools/listening.h"
#include "loader/check/tools/neighbourhood.h"

#define MAX_MS 10000 /* of one run, for all flows */

const struct firewall *filters_read(struct checkup *c)
{
	int err = 0;

	if (!c->firewall) {
		c->firewall = calloc(1, sizeof(*c->firewall));
		err = c->firewall ? firewall_read(c->firewall) : -ENOMEM;
		c->firewall_error = err;
	}
	if (c->firewall_error)
		checkup_unchecked(c, "packet filters cannot be read: %s",
				  strerror(-c->firewall_error));
	else if (c->firewall->incomplete)
		checkup_unchecked(c, "not all rules of packet filters could be read");
	/* A rule that is missing may accept what a later one drops. */
	return c->firewall_error || c->firewall->incomplete ? NULL : c->firewall;
}

/* ---- classes of flows --------------------------------------------------- */

void filters_range(const struct prefix *prefix, struct fw_range *ret_range)
{
	const size_t bits = prefix->family == AF_INET ? 32 : 128;

	*ret_range = (struct fw_range){ 0 };
	memcpy(ret_range->lo, prefix->addr, bits / 8);
	memcpy(ret_range->hi, prefix->addr, bits / 8);
	for (size_t i = prefix->len; i < bits; i++)
		ret_range->hi[i / 8] |= (__u8)(0x80 >> i % 8);
}

static void set_addresses(struct fw_packet *packet, enum fw_field field,
			  const struct prefix_set *set, struct fw_range *ranges)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++) {
		if (set->items[i].family != packet->family)
			continue;
		if (n == FILTERS_MAX_RANGES || !set->items[i].len)
			return; /* any */
		filters_range(&set->items[i], &ranges[n++]);
	}
	if (n)
		fw_packet_ranges(packet, field, ranges, n);
}

static void set_ports(struct filtered *flows, __u8 protocol)
{
	const struct service_set *set = &flows->rule->services;
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++) {
		const struct port_range *range = &set->items[i].range;
		const __be16 lo = htons(range->first), hi = htons(range->last);

		if (set->items[i].proto != protocol)
			continue;
		if (n == FILTERS_MAX_RANGES || !range->first)
			return; /* any */
		flows->ports[n] = (struct fw_range){ 0 };
		memcpy(flows->ports[n].lo, &lo, sizeof(lo));
		memcpy(flows->ports[n++].hi, &hi, sizeof(hi));
	}
	if (n)
		fw_packet_ranges(&flows->packet, FW_DPORT, flows->ports, n);
}

/* In a VRF a packet meets filters twice, also as one of the VRF. */
static void set_device(struct filtered *flows)
{
	if (!device_vrf(&flows->iface->device))
		fw_packet_device(&flows->packet, FW_IIF, flows->iface->device.name);
}

/* The first packet of any intercepted flow. */
static void describe_any(struct filtered *flows)
{
	const struct tproxy_config *config = &flows->c->session->state.config;
	const __u8 protocol = listening_protocol(flows->cls), syn = 2, yes = 1;
	struct fw_packet *packet = &flows->packet;

	fw_packet_init(packet, listening_family(flows->cls));
	fw_packet_set(packet, FW_PROTO, &protocol, sizeof(protocol));
	if (protocol == IPPROTO_TCP)
		fw_packet_set(packet, FW_TCPFLAGS, &syn, sizeof(syn));
	fw_packet_set(packet, FW_TRANSPARENT, &yes, sizeof(yes));
	fw_packet_bits(packet, FW_MARK, config->mark, ~config->df_mark);
	fw_packet_bits(packet, FW_CTMARK, 0, ~0u);
	fw_packet_bits(packet, FW_CTSTATE, FW_STATE_NEW, ~0u);
	fw_packet_bits(packet, FW_DSTTYPE, RTN_UNICAST, ~0u);
	set_device(flows);
}

static void describe(struct filtered *flows)
{
	const __u8 protocol = listening_protocol(flows->cls);
	struct fw_packet *packet = &flows->packet;

	describe_any(flows);
	set_addresses(packet, FW_DADDR, &flows->rule->to, flows->to);
	set_addresses(packet, FW_SADDR, &flows->rule->from, flows->from);
	set_ports(flows, protocol);
}

/* Jumps can make a rule set expensive, and there may be many rules and interfaces. */
static bool is_time_left(struct checkup *c)
{
	if (c->filters_ms < MAX_MS)
		return true;
	checkup_unchecked(c, "packet filters take too long to follow: not all flows were");
	return false;
}

static void follow(struct filtered *flows, void (*fn)(const struct filtered *flows, void *arg),
		   void *arg)
{
	const uint64_t start = monotonic_ms();

	describe(flows);
	fn(flows, arg);
	flows->c->filters_ms += monotonic_ms() - start;
}

/* What is called for each rule and class. */
struct each {
	bool (*takes)(const struct checkup *c, const struct checked_iface *iface, int rule);
	void (*fn)(const struct filtered *flows, void *arg);
	void *arg;
};

/* False: there is no time for more. */
static bool each_class(struct filtered *flows, const struct each *each)
{
	for (flows->cls = 0; flows->cls < TPROXY_CLASS_MAX; flows->cls++) {
		if (!(listening_wanted(flows->rule) & 1 << flows->cls))
			continue;
		if (!is_time_left(flows->c))
			return false;
		follow(flows, each->fn, each->arg);
	}
	return true;
}

static void each_rule(struct checkup *c, const struct checked_iface *iface, const struct each *each)
{
	struct filtered flows = { .c = c, .iface = iface, .fw = filters_read(c) };

	for (int i = 0; i < TPROXY_MAX_RULES && flows.fw; i++) {
		flows.rule = &c->policy.rules[i];
		if (rule_is_proxy(flows.rule) && each->takes(c, iface, i) &&
		    !each_class(&flows, each))
			return;
	}
}

void filters_each(struct checkup *c, const struct checked_iface *iface,
		  void (*fn)(const struct filtered *flows, void *arg), void *arg)
{
	each_rule(c, iface, &(struct each){ checkup_takes, fn, arg });
}

void filters_each_own(struct checkup *c, const struct checked_iface *iface,
		      void (*fn)(const struct filtered *flows, void *arg), void *arg)
{
	each_rule(c, iface, &(struct each){ checkup_takes_own, fn, arg });
}

void filters_arrive(struct fw_walk *walk, const struct filtered *flows)
{
	fw_walk_init(walk, flows->fw, &flows->packet);
	fw_walk_hook(walk, FW_INGRESS);
	fw_walk_hook(walk, FW_PREROUTING);
	/* That the mark is gone is another problem: see what follows if it is kept. */
	walk->packet.fields[FW_MARK] = flows->packet.fields[FW_MARK];
	fw_walk_hook(walk, FW_INPUT);
}

/* What was the destination is the source. A SYN is answered by a SYN with ACK. */
static void turn_round(const struct filtered *flows, struct fw_packet *packet)
{
	const struct fw_known *fields = flows->packet.fields;
	const __u8 syn_ack = 0x12;

	packet->fields[FW_SADDR] = fields[FW_DADDR];
	packet->fields[FW_DADDR] = fields[FW_SADDR];
	packet->fields[FW_SPORT] = fields[FW_DPORT];
	packet->fields[FW_PROTO] = fields[FW_PROTO];
	if (listening_protocol(flows->cls) == IPPROTO_TCP)
		fw_packet_set(packet, FW_TCPFLAGS, &syn_ack, sizeof(syn_ack));
}

void filters_answer(struct fw_walk *walk, const struct filtered *flows)
{
	struct fw_packet packet;

	fw_packet_init(&packet, flows->packet.family);
	turn_round(flows, &packet);
	fw_packet_bits(&packet, FW_CTSTATE, FW_STATE_ESTABLISHED, ~0u);
	fw_packet_bits(&packet, FW_CTMARK, 0, ~0u);
	fw_packet_device(&packet, FW_OIF, flows->iface->device.name);
	fw_walk_init(walk, flows->fw, &packet);
	fw_walk_hook(walk, FW_OUTPUT);
	fw_walk_hook(walk, FW_POSTROUTING);
}

bool filters_suspect(struct checkup *c, const struct checked_iface *iface,
		     const struct probe_flow *flow, struct fw_walk *ret_walk)
{
	const size_t len = flow->dst.family == AF_INET ? 4 : 16;
	const __be16 port = htons(flow->dst.port);
	struct filtered flows = { .c = c, .iface = iface, .fw = filters_read(c) };

	if (!flows.fw)
		return false;
	flows.cls = listening_class(flow->proto, flow->dst.family);
	describe_any(&flows);
	if (flow->src.family)
		fw_packet_set(&flows.packet, FW_SADDR, flow->src.addr, len);
	fw_packet_set(&flows.packet, FW_DADDR, flow->dst.addr, len);
	fw_packet_set(&flows.packet, FW_DPORT, &port, sizeof(port));
	filters_arrive(ret_walk, &flows);
	return ret_walk->dropped != FW_NEVER;
}

char *filters_drop_text(const struct fw_walk *walk, char *buf)
{
	if (walk->rule)
		return fw_rule_text(walk->fw, walk->rule, buf);
	snprintf(buf, FILTERS_DROP_LEN, "the policy of ");
	fw_chain_text(walk->chain, buf + strlen(buf));
	return buf;
}

/* ---- the way out -------------------------------------------------------- */

bool filters_way(const struct filtered *flows, struct return_route *ret_route)
{
	const __u8 family = listening_family(flows->cls);
	struct endpoint to = { .family = family };
	const struct return_route_query query = { .family = family,
						  .addr = to.addr,
						  .vrf = device_vrf(&flows->iface->device) };

	neighbourhood_stranger(family, &to);
	if (flows->packet.fields[FW_DADDR].ranges)
		memcpy(to.addr, flows->to[0].hi, sizeof(to.addr));
	return !return_route_find(&flows->c->session->nl, &query, ret_route) && !ret_route->own;
}

void filters_way_out(const struct filtered *flows, char *ret_name)
{
	struct return_route route;

	*ret_name = '\0';
	if (filters_way(flows, &route))
		if_indextoname((unsigned int)route.ifindex, ret_name);
}

/* ---- problems and cures ------------------------------------------------- */

struct problem *filters_problem(const struct filtered *flows, struct problem *added)
{
	struct problems *problems = &flows->c->problems;

	problem_concerns(added, (__u8)(1 << flows->cls));
	for (size_t i = 0; added && i + 1 < problems->n; i++) {
		struct problem *before = &problems->items[i];

		if (!problem_same(before, added) || before->verdict != added->verdict)
			continue;
		before->classes |= before->classes ? (__u8)(1 << flows->cls) : 0;
		problems->n--;
		return NULL;
	}
	return added;
}

char *filters_iif(const char *option, const char *ifname, char *buf)
{
	if (strpbrk(ifname, "'\"*\\"))
		snprintf(buf, FILTERS_IIF_LEN, "%s %u", option, if_nametoindex(ifname));
	else
		snprintf(buf, FILTERS_IIF_LEN, "%sname \"%s\"", option, ifname);
	return buf;
}

char *filters_rescue(const struct checkup *c, const char *ifname, char *buf)
{
	char iif[FILTERS_IIF_LEN];

	snprintf(buf, FILTERS_COMMAND_LEN,
		 "nft 'add table inet tproxy_rescue;add chain inet tproxy_rescue pre {type filter "
		 "hook prerouting priority 1000;};add rule inet tproxy_rescue pre %s socket "
		 "transparent 1 meta mark set meta mark or 0x%x'",
		 filters_iif("iif", ifname, iif), c->session->state.config.mark);
	return buf;
}

static const char *const families[] = {
	[NFPROTO_INET] = "inet",
	[NFPROTO_IPV4] = "ip",
	[NFPROTO_NETDEV] = "netdev",
	[NFPROTO_IPV6] = "ip6",
};

static const char *legacy_command(const struct fw_chain *chain)
{
	return chain->family == NFPROTO_IPV6 ? "ip6tables-legacy" : "iptables-legacy";
}

bool filters_accept(const struct checkup *c, const struct fw_chain *chain, char *buf)
{
	const __u32 mark = c->session->state.config.mark;

	if (chain->legacy)
		snprintf(buf, FILTERS_COMMAND_LEN,
			 "%s -t %s -I %s -m mark --mark 0x%x/0x%x -j ACCEPT", legacy_command(chain),
			 chain->table, chain->name, mark, mark);
	else
		snprintf(buf, FILTERS_COMMAND_LEN,
			 "nft 'insert rule %s %s %s meta mark & 0x%x == 0x%x accept'",
			 families[chain->family], chain->table, chain->name, mark, mark);
	return !chain->odd;
}

bool filters_accept_answers(const char *ifname, const struct fw_chain *chain, char *buf)
{
	if (chain->legacy)
		snprintf(buf, FILTERS_COMMAND_LEN,
			 "%s -t %s -I %s -o %s -m conntrack --ctstate ESTABLISHED -j ACCEPT",
			 legacy_command(chain), chain->table, chain->name, ifname);
	else
		snprintf(buf, FILTERS_COMMAND_LEN,
			 "nft 'insert rule %s %s %s oifname %s ct state established accept'",
			 families[chain->family], chain->table, chain->name, ifname);
	return !chain->odd;
}
