/* SPDX-License-Identifier: BSD-2-Clause */
/* Problems of the checks of group firewall. */
#include "loader/check/kinds.h"

const struct kind kinds_firewall[] = {
	{ .id = "input-filter",
	  .title = "the firewall drops intercepted packets at INPUT",
	  .means = "Intercepted flows get no answer: they are delivered to this host and so "
		   "meet the input rules with the address of the server.",
	  .cause = "ufw, firewalld or own rules accept only known ports at input.",
	  .see = "nft list ruleset; iptables-save",
	  .cure = "Accept packets with our mark at input (the text has the command)." },
	{ .id = "output-filter",
	  .title = "the firewall drops answers to clients at OUTPUT",
	  .means = "Intercepted flows get no answer: answers of the proxy leave this host with "
		   "the address of the server.",
	  .cause = "Own rules allow only known destinations or sources at output or "
		   "postrouting, and no established connections.",
	  .see = "nft list ruleset; iptables-save",
	  .cure = "Accept established connections at output (the text has the command)." },
	{ .id = "mark-lost",
	  .title = "something overwrites the packet mark between our program and routing",
	  .means = "Intercepted packets are forwarded past the proxy, or dropped.",
	  .cause = "A rule in prerouting sets the whole mark, or restores it from conntrack "
		   "without a mask: VPN clients, multi-WAN scripts, QoS.",
	  .see = "nft list ruleset; iptables-save -t mangle",
	  .cure = "Let what writes the mark leave our bits alone (0x1000000 by default), or add "
		  "the nft chain that the text names: it gives packets of transparent sockets "
		  "our mark again, just before they are routed. Delete it with: nft delete "
		  "table inet tproxy_rescue." },
	{ .id = "rewritten",
	  .title = "DNAT or REDIRECT rewrites the destination of intercepted flows",
	  .means = "The proxy connects to the rewritten address, not to the one that the client "
		   "asked for.",
	  .cause = "A DNAT or REDIRECT rule of an earlier set-up for the same ports.",
	  .see = "nft list ruleset; iptables-save -t nat",
	  .cure = "Remove that rule, or let it skip packets with our mark." },
	{ .id = "other-tproxy",
	  .title = "a TPROXY rule gives intercepted flows to another proxy",
	  .means = "It comes after our program, so its proxy gets them. If that one does not "
		   "run, connections hang.",
	  .cause = "A TPROXY rule of iptables or nft of an earlier set-up for the same ports.",
	  .see = "nft list ruleset; iptables-save -t mangle",
	  .cure = "Remove that rule (the text has the command), or let it skip packets with our "
		  "mark." },
	{ .id = "half-open",
	  .title = "handshakes stay half open although the clients answer",
	  .means = "Packets after the first do not arrive: connections hang.",
	  .cause = "A rule restores the mark of known connections from conntrack without a "
		   "mask, or the listener queue is full.",
	  .see = "ss -tn state syn-recv; iptables-save -t mangle; ss -lt",
	  .cure = "Give that rule a mask which leaves our bits alone." },
	{ .id = "mark-overwritten",
	  .title = "a rule of a packet filter takes our mark away",
	  .means = "Intercepted packets are forwarded past the proxy, or dropped.",
	  .cause = "A rule in prerouting sets the whole mark (MARK set 0x1) or restores it from "
		   "conntrack without a mask: wg-quick for UDP, multi-WAN scripts, QoS. The "
		   "sysctl src_valid_mark, br_netfilter and NOTRACK rules do no harm.",
	  .see = "nft -a list ruleset; iptables-save -t mangle",
	  .cure = "Change that rule so that it leaves our bit alone, or add the chain that the "
		  "text names: it gives packets of transparent sockets our mark again, just "
		  "before they are routed. Delete it with: nft delete table inet tproxy_rescue." },
	{ .id = "mark-collision",
	  .title = "somebody else uses our mark bit",
	  .means = "Packets that we leave alone are delivered to this host, or our packets are "
		   "treated as those of the other program.",
	  .cause = "A rule of a packet filter sets the bit, or a routing rule matches it.",
	  .see = "nft -a list ruleset; iptables-save -t mangle; ip rule; ip -6 rule",
	  .cure = "Delete that rule, or detach and attach with a free bit: --mark." },
	{ .id = "forward-skipped",
	  .title = "a filter for forwarded flows no longer applies",
	  .means = "Intercepted flows are not forwarded: drops of the forward chain have no "
		   "effect on them, and the proxy connects to the server from this host.",
	  .cause = "The firewall limits what clients may reach, in forward; the policy does not.",
	  .see = "nft list ruleset; tproxy-loader rule list",
	  .cure = "Put the same limits in the policy: rules with action = drop before the proxy "
		  "rule, or narrower from, to and ports." },
	{ .id = "mss-clamp",
	  .title = "the limit for TCP segments is only in forward",
	  .means = "Connections of the proxy use larger segments: where a link has a smaller "
		   "MTU and ICMP is lost, large transfers hang.",
	  .cause = "An MSS clamp with a fixed size in the forward chain. Clamps to the MTU of "
		   "the route do no harm.",
	  .see = "nft list ruleset; iptables-save -t mangle",
	  .cure = "The same limit at input and output (the text has the command). Delete it "
		  "with: nft delete table inet tproxy_mss." },
	{ .id = "hardware-offload",
	  .title = "the network card forwards flows by itself",
	  .means = "Packets of established flows in that flowtable do not reach our program: "
		   "flows that began before they were intercepted stay direct. Flowtables "
		   "without hardware do no harm, as our program comes before them.",
	  .cause = "A flowtable of nft with `flags offload`.",
	  .see = "nft list flowtables; ethtool -k IF",
	  .cure = "Remove `flags offload`, or the interface, from the flowtable." },
	{ .id = "conntrack-full",
	  .title = "connection tracking is full, or nearly so",
	  .means = "The kernel drops the first packets of new flows, intercepted or not.",
	  .cause = "More flows than nf_conntrack_max, a scan, or long timeouts.",
	  .see = "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max; dmesg",
	  .cure = "sysctl -w net/netfilter/nf_conntrack_max=NUMBER",
	  .fix = FIX_SYSCTL },
	{ .id = NULL },
};
