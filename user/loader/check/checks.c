/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/checks.h"

#include "lib/util.h"
#include "loader/check/list.h"

const char *const check_group_names[CHECK_GROUP_MAX] = {
	[CHECK_KERNEL] = "kernel",     [CHECK_INTERFACE] = "interface", [CHECK_ROUTING] = "routing",
	[CHECK_FIREWALL] = "firewall", [CHECK_HOST] = "host",           [CHECK_PROXY] = "proxy",
	[CHECK_POLICY] = "policy",
};

const struct check checks[] = {
	{ .id = "kernel",
	  .group = CHECK_KERNEL,
	  .question = "Can this kernel do it, and does it let us?",
	  .problems = { "kernel-old", "bpf-refused", "no-permission", "kernel-lacks", "jit-off",
			"lockdown" },
	  .deep = true,
	  .unattached = true,
	  .of_all = check_kernel },
	{ .id = "bpffs",
	  .group = CHECK_KERNEL,
	  .question = "Is there a safe place for pins?",
	  .problems = { "bpffs-missing", "bpffs-open" },
	  .deep = true,
	  .unattached = true,
	  .of_all = check_bpffs },
	{ .id = "state",
	  .group = CHECK_KERNEL,
	  .question = "Can what is pinned be read?",
	  .problems = { "state-abi", "state-broken", "pins-refused", "other-netns" },
	  .deep = true,
	  .unattached = true,
	  .of_all = check_state },
	{ .id = "program",
	  .group = CHECK_INTERFACE,
	  .question = "Is our program on the interface, and of this build?",
	  .problems = { "program-missing", "enslaved", "unfit-device", "device-down", "renamed",
			"vrf-changed", "device-gone", "moved", "lookup-missing", "other-build" },
	  .of_iface = check_program,
	  .of_all = check_programs },
	{ .id = "vlan",
	  .group = CHECK_INTERFACE,
	  .question = "Are the VLANs of an attached trunk attached?",
	  .problems = { "vlan-not-attached" },
	  .deep = true,
	  .of_iface = check_vlan },
	{ .id = "leftovers",
	  .group = CHECK_INTERFACE,
	  .question = "Is everything that is ours in use?",
	  .problems = { "leftovers" },
	  .deep = true,
	  .unattached = true,
	  .of_all = check_leftovers },
	{ .id = "routing",
	  .group = CHECK_ROUTING,
	  .question = "Is a marked packet routed to this host, in both families?",
	  .problems = { "rule-missing", "route-missing", "ipv6-half", "earlier-rule",
			"not-delivered", "routing-unknown" },
	  .of_iface = check_routing },
	{ .id = "order",
	  .group = CHECK_INTERFACE,
	  .question = "Do packets meet our program first?",
	  .problems = { "earlier-program", "order-unread" },
	  .of_iface = check_order },
	{ .id = "listener",
	  .group = CHECK_PROXY,
	  .question = "Has every rule a listener?",
	  .problems = { "no-listener", "listener-not-transparent", "listener-family",
			"listener-device", "listener-unknown" },
	  .of_all = check_listeners },
	{ .id = "accepting",
	  .group = CHECK_PROXY,
	  .question = "Does it accept what is queued for it?",
	  .problems = { "not-accepted" },
	  .of_all = check_accepting },
	{ .id = "handshakes",
	  .group = CHECK_FIREWALL,
	  .question = "Do the answers of clients arrive?",
	  .problems = { "half-open" },
	  .of_all = check_handshakes },
	{ .id = "delivery",
	  .group = CHECK_PROXY,
	  .question = "Do flow starts become connections?",
	  .problems = { "not-delivered", "input-filter", "rp-filter", "mark-lost", "rewritten",
			"no-return-route", "no-neighbour", "wrong-interface" },
	  .of_all = check_delivery },
	{ .id = "relay-build",
	  .group = CHECK_PROXY,
	  .question = "Does the relay run the installed program?",
	  .problems = { "relay-outdated" },
	  .deep = true,
	  .of_all = check_relay_build },
	{ .id = "rule-probes",
	  .group = CHECK_PROXY,
	  .question = "Does a probe of each rule arrive?",
	  .problems = { "not-delivered", "input-filter", "rp-filter", "mark-lost", "rewritten" },
	  .deep = true,
	  .of_all = check_rule_probes },
	{ .id = "coverage",
	  .group = CHECK_POLICY,
	  .question = "Is every interface that a rule is for attached?",
	  .problems = { "not-covered" },
	  .of_all = check_coverage },
	{ .id = "rules",
	  .group = CHECK_POLICY,
	  .question = "Can every rule match?",
	  .problems = { "never-matches" },
	  .of_all = check_rules },
	{ .id = "drift",
	  .group = CHECK_POLICY,
	  .question = "Is the policy the file that was applied?",
	  .problems = { "drift" },
	  .of_all = check_drift },
	{ .id = "confirm",
	  .group = CHECK_POLICY,
	  .question = "Is the policy here to stay?",
	  .problems = { "confirm-pending" },
	  .deep = true,
	  .of_all = check_confirm },
};
const size_t checks_n = ARRAY_SIZE(checks);

void check_run(struct checkup *c, const struct check *check)
{
	checkup_begin(c);
	for (size_t i = 0; i < c->n && check->of_iface; i++)
		if (checkup_includes(c, &c->ifaces[i]) && c->ifaces[i].there)
			check->of_iface(c, &c->ifaces[i]);
	if (check->of_all && (c->attached || check->unattached))
		check->of_all(c);
}

void checks_run(struct checkup *c, const char *ifname, enum check_depth depth)
{
	c->ifname = ifname;
	for (size_t i = 0; i < checks_n; i++)
		if (depth == CHECKS_DEEP || !checks[i].deep)
			check_run(c, &checks[i]);
}
