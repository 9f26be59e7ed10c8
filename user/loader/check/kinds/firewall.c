/* SPDX-License-Identifier: BSD-2-Clause */
/* Problems of the checks of group firewall. */
#include "loader/check/kinds.h"

const struct kind kinds_firewall[] = {
	{ .id = "input-filter",
	  .title = "the firewall drops intercepted packets at INPUT",
	  .means =
		  "Intercepted flows get no answer: they are delivered to this host and so meet the input rules with the address of the server.",
	  .cause = "ufw, firewalld or own rules accept only known ports at input.",
	  .see = "nft list ruleset; iptables-save",
	  .cure = "Accept packets with our mark at input (the text has the command)." },
	{ .id = "mark-lost",
	  .title = "something overwrites the packet mark between our program and routing",
	  .means = "Intercepted packets are forwarded past the proxy, or dropped.",
	  .cause =
		  "A rule in prerouting sets the whole mark, or restores it from conntrack without a mask: VPN clients, multi-WAN scripts, QoS.",
	  .see = "nft list ruleset; iptables-save -t mangle",
	  .cure = "Let these rules keep our bits (mark and 0x1000000 by default)." },
	{ .id = "rewritten",
	  .title = "DNAT or REDIRECT rewrites the destination of intercepted flows",
	  .means =
		  "The proxy connects to the rewritten address, not to the one that the client asked for.",
	  .cause = "A DNAT or REDIRECT rule of an earlier set-up for the same ports.",
	  .see = "nft list ruleset; iptables-save -t nat",
	  .cure = "Remove that rule, or let it skip packets with our mark." },
	{ .id = "half-open",
	  .title = "handshakes stay half open although the clients answer",
	  .means = "Packets after the first do not arrive: connections hang.",
	  .cause =
		  "A rule restores the mark of known connections from conntrack without a mask, or the listener queue is full.",
	  .see = "ss -tn state syn-recv; iptables-save -t mangle; ss -lt",
	  .cure = "Give that rule a mask which leaves our bits alone." },
	{ .id = NULL },
};
