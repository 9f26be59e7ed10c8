/* SPDX-License-Identifier: BSD-2-Clause */
/* Problems of the checks of group own traffic. */
#include "loader/check/kinds.h"

const struct kind kinds_own[] = {
	{ .id = "own-not-attached",
	  .title = "a rule is for own traffic, which is not attached",
	  .means = "What this host sends itself is not intercepted. Forwarded flows are not "
		   "concerned.",
	  .cause = "The rule says local = yes or only, but the host was attached without --local, "
		   "or the file without local = yes in [loader].",
	  .see = "tproxy-loader status; tproxy-loader rule list",
	  .cure = "tproxy-loader attach --local, or local = no in the rule." },
	{ .id = "owner-gone",
	  .title = "a user, group or cgroup that a rule names does not exist any more",
	  .means = "The rule does not see the traffic that it is for.",
	  .cause = "Names are looked up when rules are applied. A service gets another cgroup at "
		   "each start; users and groups can be deleted or made again.",
	  .see = "tproxy-loader rule list; getent passwd NAME; ls -d /sys/fs/cgroup/PATH",
	  .cure = "tproxy-loader watch follows cgroups by itself. Else apply the file again, or "
		  "take the name out of the rule." },
	{ .id = "own-hook-missing",
	  .title = "the hooks for own traffic are missing",
	  .means = "What this host sends itself is not intercepted.",
	  .cause = "The cgroup that they were attached to was removed, or their links were "
		   "detached or their pins deleted by hand.",
	  .see = "bpftool cgroup tree; ls /sys/fs/bpf/tproxy/links",
	  .cure = "tproxy-loader attach --local; with the root of cgroup2, which nothing removes." },
	{ .id = "own-lo-missing",
	  .title = "our program is not on lo",
	  .means = "Own traffic that a rule takes reaches no proxy and gets no answer.",
	  .cause = "Another tool removed the clsact qdisc or the programs of lo.",
	  .see = "bpftool net show dev lo; tc filter show dev lo ingress",
	  .cure = "tproxy-loader attach --local; tproxy-loader watch restores it by itself." },
	{ .id = "own-earlier-program",
	  .title = "another program runs before ours on lo",
	  .means = "Own traffic that it accepts, drops or redirects reaches no proxy.",
	  .cause = "A tool for containers or for traffic control uses lo, too.",
	  .see = "bpftool net show dev lo; tc filter show dev lo ingress",
	  .cure = "Remove it, unless it lets packets continue." },
	{ .id = "own-rule-missing",
	  .title = "the routing rule for own traffic is missing",
	  .means = "Connections that a proxy should get leave directly, past the proxy.",
	  .cause = "systemd-networkd removes rules of others when it starts "
		   "(ManageForeignRoutingPolicyRules=no stops that); another tool flushed the "
		   "rules.",
	  .see = "ip rule; ip -6 rule",
	  .cure = "tproxy-loader attach --local; tproxy-loader watch restores it by itself." },
	{ .id = "own-earlier-rule",
	  .title = "another routing rule comes before the one for own traffic",
	  .means = "It decides about packets that a proxy should get: they may leave directly.",
	  .cause = "A rule that is added without a preference gets the first place. VPNs add such "
		   "rules, some of them for users (uidrange).",
	  .see = "ip rule; ip -6 rule",
	  .cure = "tproxy-loader attach --local moves ours before it, where there is room; "
		  "tproxy-loader watch does so by itself. Else give the other rule a higher "
		  "preference." },
	{ .id = "own-route-missing",
	  .title = "a route for own traffic is missing",
	  .means = "Own traffic that a rule takes does not reach the proxy.",
	  .cause = "Another tool flushed the table; lo was down for a moment; or the address that "
		   "the route names as the source was removed, and the route with it (IPv4).",
	  .see = "ip route show table 15002; ip route show table local; and with -6",
	  .cure = "tproxy-loader attach --local; tproxy-loader watch restores it by itself." },
	{ .id = "own-source-gone",
	  .title = "a route for own traffic names no source that this host has",
	  .means = "Programs that choose no source address get one that servers cannot answer, or "
		   "the proxy sees a wrong client.",
	  .cause = "The address was removed or replaced, as a DHCP lease may be.",
	  .see = "ip -6 route show table 15002; ip address",
	  .cure = "tproxy-loader attach --local; tproxy-loader watch follows addresses by itself." },
	{ .id = "own-filtered",
	  .title = "a packet filter drops own traffic on lo",
	  .means = "Programs of this host get no answer for what a rule takes.",
	  .cause = "Intercepted packets pass lo with the addresses of servers, and so do the "
		   "answers. Rules against spoofing, or chains that accept only 127.0.0.0/8 on lo, "
		   "drop them.",
	  .see = "nft list ruleset; iptables-save",
	  .cure = "Accept what comes in and leaves by lo; the text has the command." },
	{ .id = "own-rewritten",
	  .title = "NAT rewrites the destination of own traffic",
	  .means = "The proxy does not get it, or for another destination.",
	  .cause = "A REDIRECT or DNAT rule in OUTPUT, as sidecars and older set-ups for proxies "
		   "have it.",
	  .see = "nft list ruleset; iptables -t nat -S OUTPUT",
	  .cure = "Delete that rule (the text has the command), or let it skip our mark." },
	{ .id = "own-mark-lost",
	  .title = "a packet filter takes our mark away from own traffic",
	  .means = "It leaves directly, past the proxy, or gets no answer.",
	  .cause = "A rule in OUTPUT or POSTROUTING sets the whole packet mark, as those for VPNs "
		   "and policy routing do.",
	  .see = "nft list ruleset; iptables -t mangle -S",
	  .cure = "Let that rule set only its own bits, or delete it." },
	{ .id = "own-loop",
	  .title = "the proxy's own connections match its rule",
	  .means = "They come back to the proxy for ever, until descriptors or ports run out.",
	  .cause = "The proxy was started after the rule, as a user or in a cgroup that the rule "
		   "is for, and is not noted as a proxy.",
	  .see = "tproxy-loader test --local --uid USER tcp ADDRESS SERVER:PORT",
	  .cure = "tproxy-loader attach --local notes the processes of proxies, tproxy-loader "
		  "watch does so by itself. Or put a rule with action = pass for its user before." },
	{ .id = "own-tokens-full",
	  .title = "addresses for datagrams run short",
	  .means = "Datagrams of unconnected sockets to further destinations are treated as if the "
		   "proxy were down.",
	  .cause = "A program sends to very many destinations, as scanners and peer-to-peer "
		   "programs do.",
	  .see = "tproxy-loader status (own_full); bpftool map dump pinned "
		 "/sys/fs/bpf/tproxy/internal/tokens",
	  .cure = "It passes by itself after ten seconds. If it stays so, a rule with "
		  "action = pass for that program." },
	{ .id = NULL },
};
