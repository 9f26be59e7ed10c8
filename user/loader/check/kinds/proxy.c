/* SPDX-License-Identifier: BSD-2-Clause */
/* Problems of the checks of group proxy. */
#include "loader/check/kinds.h"

const struct kind kinds_proxy[] = {
	{ .id = "no-listener",
	  .title = "no program takes the flows of a rule",
	  .means = "New flows fare as on-proxy-down says: drop, reset or pass.",
	  .cause = "The relay or proxy is not running, listens on another port, or is in "
		   "another network namespace.",
	  .see = "ss -lntup; tproxy-loader status",
	  .cure = "Start the proxy. The relay registers by itself." },
	{ .id = "listener-not-transparent",
	  .title = "the listener is not transparent",
	  .means = "It gets flows to other addresses, and the kernel does not answer for it, or "
		   "it cannot answer datagrams.",
	  .cause = "The proxy does not set IP_TRANSPARENT, or has no CAP_NET_ADMIN to do so.",
	  .see = "ss -lntu --inet-sockopt",
	  .cure = "Set it in the configuration of the proxy (the text has examples), and let it "
		  "keep CAP_NET_ADMIN; or tproxy-loader adopt --pid N, which needs neither." },
	{ .id = "listener-family",
	  .title = "a rule takes both families and the listener only one",
	  .means = "New flows of the other family fare as on-proxy-down says.",
	  .cause = "The proxy listens on 0.0.0.0, which is IPv4 only, or on an IPv6 socket with "
		   "IPV6_V6ONLY.",
	  .see = "ss -lntu",
	  .cure = "Let the proxy listen on both families, or limit the rule to one." },
	{ .id = "listener-device",
	  .title = "the listener is bound to another interface",
	  .means = "It takes no flow that enters here: new flows fare as on-proxy-down says.",
	  .cause = "The proxy was started with an interface or VRF, or the interface joined a VRF.",
	  .see = "ss -lntu",
	  .cure = "Bind the listener to no device, or to this one (tproxy-relay --device)." },
	{ .id = "listener-unknown",
	  .title = "listeners cannot be checked",
	  .means = "It is unknown whether a proxy takes the flows.",
	  .cause = "The kernel lists no sockets: the modules tcp_diag and udp_diag are missing.",
	  .see = "ss -lntu; lsmod",
	  .cure = "modprobe -a tcp_diag udp_diag" },
	{ .id = "not-accepted",
	  .title = "the proxy does not take what is queued for it",
	  .means = "Handshakes succeed, and then nothing happens.",
	  .cause = "The proxy is stopped, hangs or is overloaded.",
	  .see = "ss -lnt (Recv-Q); ps",
	  .cure = "See the log of the proxy; restart it." },
	{ .id = "relay-outdated",
	  .title = "the relay runs a program that was replaced",
	  .means = "It works as before, without the repairs of the upgrade.",
	  .cause = "The package was upgraded, and the relay was not restarted.",
	  .see = "ls -l /proc/PID/exe",
	  .cure = "systemctl restart tproxy-relay. A second start takes over the connections." },
	{ .id = NULL },
};
