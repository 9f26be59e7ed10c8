/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What packet filters no longer do, as intercepted flows are not forwarded. What an earlier rule of
 * the policy refuses is refused as before. Flows that are only audited are forwarded: no matter.
 */
#include <arpa/inet.h>
#include <string.h>

#include "loader/check/list.h"
#include "loader/check/tools/filters.h"

/* ---- clients ------------------------------------------------------------ */

struct networks {
	struct fw_range ranges[FILTERS_MAX_RANGES];
	size_t n;
};

static int add_network(const struct address *address, void *arg)
{
	struct networks *networks = arg;
	struct prefix prefix = { .family = address->family, .len = address->len };

	if (networks->n == FILTERS_MAX_RANGES)
		return 1;
	memcpy(prefix.addr, address->addr, sizeof(prefix.addr));
	prefix_shorten(&prefix, prefix.len);
	filters_range(&prefix, &networks->ranges[networks->n++]);
	return 0;
}

/* Clients of a rule for everybody are those of the networks that the interface is in. */
static void assume_clients(const struct filtered *flows, struct fw_packet *packet,
			   struct networks *networks)
{
	if (packet->fields[FW_SADDR].ranges)
		return;
	device_addresses_of(&flows->c->session->nl, packet->family, flows->iface->device.ifindex,
			    add_network, networks);
	if (networks->n)
		fw_packet_ranges(packet, FW_SADDR, networks->ranges, networks->n);
}

/*
 * Servers of a rule for all destinations. The addresses left out hold an IPv4 address: many firewalls
 * refuse these, and no host has them any more (RFC 4291 2.5.5.1, RFC 7526).
 */
static void assume_servers(struct fw_packet *packet)
{
	static const struct fw_range servers[] = {
		{ .lo = { [7] = 1 },
		  .hi = { 0x20, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff, 0xff } },
		{ .lo = { 0x20, 0x03 },
		  .hi = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff, 0xff } },
	};

	if (packet->family == AF_INET6 && !packet->fields[FW_DADDR].ranges)
		fw_packet_ranges(packet, FW_DADDR, servers, ARRAY_SIZE(servers));
}

/* ---- what the policy refuses already ------------------------------------ */

/* The values of a field that packets have which a rule of a filter matches; none: any. */
struct values {
	const struct fw_range *ranges;
	size_t n;
};

/* Of others, the ranges do not bound the values. */
static bool is_prefix_mask(const __u8 *mask, size_t len)
{
	bool ended = false;

	for (size_t bit = 0; bit < len * 8; bit++) {
		const bool set = mask[bit / 8] & 0x80 >> bit % 8;

		if (set && ended)
			return false;
		ended |= !set;
	}
	return true;
}

static size_t length_of(const struct filtered *flows, enum fw_field field)
{
	if (field == FW_DPORT)
		return 2;
	return flows->packet.family == AF_INET ? 4 : 16;
}

static struct values values_of(const struct filtered *flows, const struct fw_rule *rule,
			       enum fw_field field)
{
	const struct fw_known *known = &flows->packet.fields[field];

	for (__u32 i = 0; i < rule->n; i++) {
		const struct fw_cond *cond = &flows->fw->conds[rule->first + i];

		if (cond->field == field && !cond->invert && cond->n &&
		    is_prefix_mask(cond->mask, length_of(flows, field)))
			return (struct values){ &flows->fw->ranges[cond->first], cond->n };
	}
	return (struct values){ known->ranges, known->n };
}

static bool has_network(const struct prefix_set *set, __u8 family, const struct fw_range *range)
{
	const __u8 len = family == AF_INET ? 32 : 128;
	struct prefix first = { .family = family, .len = len }, last = first;

	memcpy(first.addr, range->lo, sizeof(first.addr));
	memcpy(last.addr, range->hi, sizeof(last.addr));
	for (size_t i = 0; i < set->n; i++)
		if (prefix_covers(&set->items[i], &first) && prefix_covers(&set->items[i], &last))
			return true;
	return false;
}

static bool has_networks(const struct prefix_set *set, __u8 family, struct values values)
{
	static const struct fw_range any = { .hi = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						     0xff } };

	if (!values.n)
		values = (struct values){ &any, 1 };
	for (size_t i = 0; i < values.n; i++)
		if (!has_network(set, family, &values.ranges[i]))
			return false;
	return true;
}

static bool has_range(const struct service_set *set, __u8 protocol, const struct fw_range *range)
{
	const __u16 first = (__u16)(range->lo[0] << 8 | range->lo[1]);
	const __u16 last = (__u16)(range->hi[0] << 8 | range->hi[1]);

	for (size_t i = 0; i < set->n; i++) {
		const struct service *s = &set->items[i];

		if (s->proto == protocol &&
		    (!s->range.first || (s->range.first <= first && last <= s->range.last)))
			return true;
	}
	return false;
}

static bool has_ports(const struct service_set *set, __u8 protocol, struct values values)
{
	static const struct fw_range any = { .lo = { 0, 1 }, .hi = { 0xff, 0xff } };

	if (!values.n)
		values = (struct values){ &any, 1 };
	for (size_t i = 0; i < values.n; i++)
		if (!has_range(set, protocol, &values.ranges[i]))
			return false;
	return true;
}

/* Does this rule of the policy refuse all of these flows that the rule of a filter drops? */
static bool refuses(const struct filtered *flows, const struct rule *rule,
		    const struct fw_rule *dropping)
{
	const __u8 family = flows->packet.family;
	const __u8 protocol = flows->packet.fields[FW_PROTO].value[0];

	return (rule->action == TPROXY_ACTION_DROP || rule->action == TPROXY_ACTION_RESET) &&
	       has_ports(&rule->services, protocol, values_of(flows, dropping, FW_DPORT)) &&
	       has_networks(&rule->to, family, values_of(flows, dropping, FW_DADDR)) &&
	       has_networks(&rule->from, family, values_of(flows, dropping, FW_SADDR));
}

static bool is_refused(const struct filtered *flows, const struct fw_rule *dropping)
{
	const struct policy *policy = &flows->c->policy;

	if (dropping->verdict != FW_DROP && dropping->verdict != FW_REJECT)
		return false;
	for (int i = 0; &policy->rules[i] < flows->rule; i++)
		if (checkup_takes(flows->c, flows->iface, i) &&
		    refuses(flows, &policy->rules[i], dropping))
			return true;
	return false;
}

/* The rules without those that drop only what the policy refuses. NULL: no memory. */
static struct fw_rule *rules_that_count(const struct filtered *flows)
{
	struct fw_rule *rules = calloc(flows->fw->n_rules + 1, sizeof(*rules));

	for (size_t i = 0; rules && i < flows->fw->n_rules; i++) {
		rules[i] = flows->fw->rules[i];
		if (is_refused(flows, &rules[i]))
			rules[i].verdict = FW_ACCEPT;
	}
	return rules;
}

/* ---- forward ------------------------------------------------------------ */

static void report_skipped(const struct filtered *flows, const struct fw_walk *walk)
{
	char where[FILTERS_DROP_LEN], cure[FW_TEXT_LEN];
	struct problem *p = filters_problem(
		flows, problem_add(&flows->c->problems, "forward-skipped", VERDICT_DEGRADED,
				   flows->iface->device.name, flows->rule->name));

	problem_text(p,
		     "%s dropped %s of these flows before: intercepted flows are not forwarded, so "
		     "it no longer applies",
		     filters_drop_text(walk, where), walk->dropped == FW_ALL ? "all" : "some");
	if (walk->rule && fw_rule_delete_text(flows->fw, walk->rule, cure))
		problem_next(p, "%s; after you made it a rule of the policy (action = drop)", cure);
	else
		problem_next(p, "%s; make what it allows the rule's own `from`, `to` and ports",
			     fw_list_text(walk->chain, cure));
}

static void check_forward(const struct filtered *flows, void *unused)
{
	struct networks networks = { .n = 0 };
	struct fw_packet packet = flows->packet;
	__cleanup_free struct fw_rule *rules = NULL;
	struct firewall fw = *flows->fw;
	char out[IF_NAMESIZE];
	struct fw_walk walk;

	filters_way_out(flows, out);
	if (!*out)
		return; /* nothing is forwarded there */
	fw_packet_bits(&packet, FW_MARK, 0, ~0u);
	packet.fields[FW_TRANSPARENT] = (struct fw_known){ .ranges = NULL };
	fw_packet_device(&packet, FW_OIF, out);
	assume_clients(flows, &packet, &networks);
	assume_servers(&packet);
	rules = rules_that_count(flows);
	if (!rules)
		return;
	fw.rules = rules;
	fw_walk_init(&walk, &fw, &packet);
	fw_walk_hook(&walk, FW_FORWARD);
	if (walk.dropped != FW_NEVER)
		report_skipped(flows, &walk);
}

void check_skipped(struct checkup *c, const struct checked_iface *iface)
{
	filters_each(c, iface, check_forward, NULL);
}
