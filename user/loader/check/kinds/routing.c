/* SPDX-License-Identifier: BSD-2-Clause */
/* Problems of the checks of group routing. */
#include "loader/check/kinds.h"

const struct kind kinds_routing[] = {
	{ .id = "rule-missing",
	  .title = "the routing rule is missing",
	  .means = "Marked packets are forwarded or dropped and not delivered to the proxy: "
		   "intercepted flows do not arrive.",
	  .cause = "systemd-networkd removes rules of others when it starts "
		   "(ManageForeignRoutingPolicyRules=no stops that); another tool flushed the "
		   "rules.",
	  .see = "ip rule; ip -6 rule",
	  .cure = "tproxy-loader attach IF; tproxy-loader watch restores it by itself.",
	  .fix = FIX_REPAIR },
	{ .id = "route-missing",
	  .title = "the local route of our routing table is missing",
	  .means = "Marked packets are forwarded or dropped and not delivered to the proxy: "
		   "intercepted flows do not arrive.",
	  .cause = "Another tool flushed the table, or lo was down for a moment.",
	  .see = "ip route show table 15001; ip -6 route show table 15001",
	  .cure = "tproxy-loader attach IF; tproxy-loader watch restores it by itself.",
	  .fix = FIX_REPAIR },
	{ .id = "ipv6-half",
	  .title = "the interface speaks IPv6, but only IPv4 is set up",
	  .means = "Intercepted IPv6 flows do not arrive.",
	  .cause = "IPv6 was enabled after the interface was attached.",
	  .see = "ip -6 rule; sysctl net.ipv6.conf.IF.disable_ipv6",
	  .cure = "tproxy-loader attach IF sets up both.",
	  .fix = FIX_REPAIR },
	{ .id = "earlier-rule",
	  .title = "another routing rule comes before ours",
	  .means = "It decides about intercepted packets: they may leave past the proxy.",
	  .cause = "A rule that is added without a preference gets the first place. VPNs "
		   "(wg-quick, Tailscale, NetBird) add such rules.",
	  .see = "ip rule; ip -6 rule",
	  .cure = "tproxy-loader attach IF moves ours before it, where there is room; "
		  "tproxy-loader watch does so by itself. Else give the other rule a higher "
		  "preference.",
	  .fix = FIX_REPAIR },
	{ .id = "not-delivered",
	  .title = "flows that are given to the listener do not arrive",
	  .means = "Clients get no answer.",
	  .cause = "Rules and routes lead elsewhere, something drops the packets between our "
		   "program and the socket, or answers do not leave. Scans and spoofed flow "
		   "starts give the same figure.",
	  .see = "tproxy-loader status --probe; ip rule; nft list ruleset; ss -lt",
	  .cure = "The text says how far a packet got; remove what drops it there." },
	{ .id = "routing-unknown",
	  .title = "rules and routes cannot be read",
	  .means = "It is unknown whether intercepted flows arrive.",
	  .cause = "No permission, or the kernel was short of memory.",
	  .see = "ip rule; ip -6 rule",
	  .cure = "Try again, as root." },
	{ .id = "rp-filter",
	  .title = "rp_filter drops the packets of clients",
	  .means = "Flows of clients whose route back leaves by another interface do not arrive.",
	  .cause = "Reverse path filtering is strict (1) for the interface or for all, and the "
		   "routing is asymmetric.",
	  .see = "sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.IF.rp_filter; ip route get "
		 "CLIENT",
	  .cure = "sysctl -w net/ipv4/conf/IF/rp_filter=2, or a route back by the same interface.",
	  .fix = FIX_SYSCTL },
	{ .id = "no-return-route",
	  .title = "there is no route back to a client",
	  .means = "The proxy cannot answer: its flows get no answer.",
	  .cause = "A route to the network of the clients is missing.",
	  .see = "ip route get CLIENT",
	  .cure = "ip route add PREFIX dev IF" },
	{ .id = "no-neighbour",
	  .title = "the next hop to a client does not answer",
	  .means = "Answers of the proxy cannot reach the client.",
	  .cause = "The host is off, or an address or prefix length is wrong, so that ARP or "
		   "neighbour discovery gets no answer.",
	  .see = "ip neigh show ADDRESS dev IF",
	  .cure = "Correct the route, address or prefix length; spoofed flow starts look the "
		  "same." },
	{ .id = "wrong-interface",
	  .title = "clients enter by another interface",
	  .means = "No flow is intercepted here. Answers of servers come in by this interface.",
	  .cause = "The side of the servers was attached, not the side of the clients.",
	  .see = "ip route get CLIENT",
	  .cure = "tproxy-loader attach the interface that leads to the clients." },
	{ .id = "table-shared",
	  .title = "our routing table has routes of others",
	  .means = "Intercepted packets to these destinations leave past the proxy.",
	  .cause = "Another program uses the same table number.",
	  .see = "ip route show table 15001; ip -6 route show table 15001",
	  .cure = "Remove these routes, or detach and attach with a free table: --table." },
	{ .id = "forwarding-off",
	  .title = "the interface does not forward",
	  .means = "Intercepted flows work. Everything else that clients send through this host "
		   "is dropped.",
	  .cause = "sysctl ip_forward or forwarding is off, perhaps since a reboot.",
	  .see = "sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding",
	  .cure = "sysctl -w net/ipv4/ip_forward=1 (and net/ipv6/conf/all/forwarding=1), and "
		  "the same in /etc/sysctl.d.",
	  .fix = FIX_SYSCTL },
	{ .id = "icmp-redirects",
	  .title = "this host tells clients by ICMP to go past it",
	  .means = "It works at first. After the first forwarded packet, such as a ping, a "
		   "client sends all flows to that server to the next router, and nothing is "
		   "intercepted.",
	  .cause = "Clients and servers are reached by the same interface (a one-arm router), "
		   "and send_redirects is on.",
	  .see = "sysctl net.ipv4.conf.all.send_redirects net.ipv4.conf.IF.send_redirects; "
		 "tcpdump -ni IF 'icmp[0] = 5'",
	  .cure = "sysctl -w net/ipv4/conf/all/send_redirects=0 "
		  "net/ipv4/conf/IF/send_redirects=0; for IPv6 drop nd-redirect at output with "
		  "nft (the text has the command).",
	  .fix = FIX_SYSCTL },
	{ .id = "src-valid-mark",
	  .title = "sources of intercepted packets count as addresses of this host",
	  .means = "The kernel drops intercepted IPv4 packets: clients hang.",
	  .cause = "The sysctl src_valid_mark is 1 (Tailscale, NetBird and wg-quick set it), "
		   "and a rule for our mark names no interface, as recipes for TPROXY have it. "
		   "Our own rule names the interface, with which the sysctl does no harm.",
	  .see = "ip rule; sysctl net.ipv4.conf.all.src_valid_mark; ip route get CLIENT mark "
		 "0x1000000",
	  .cure = "Delete that rule (the text has the command), or give it iif IF." },
	{ .id = "networkd-rules",
	  .title = "systemd-networkd removes routing rules of others",
	  .means = "At its next start or reconfiguration our rules are gone and intercepted "
		   "flows do not arrive, until watch or attach restores them.",
	  .cause = "ManageForeignRoutingPolicyRules is yes by default.",
	  .see = "systemd-analyze cat-config systemd/networkd.conf",
	  .cure = "ManageForeignRoutingPolicyRules=no in section [Network] of a file in "
		  "/etc/systemd/networkd.conf.d." },
	{ .id = NULL },
};
