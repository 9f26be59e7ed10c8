/* SPDX-License-Identifier: BSD-2-Clause */
/* Problems of the checks of group host: queues, memory and ports that the kernel grants. */
#include "loader/check/kinds.h"

const struct kind kinds_host[] = {
	{ .id = "backlog-small",
	  .title = "the relay's queue of new connections is short",
	  .means = "In a burst, connections beyond the queue are begun again a second later, or "
		   "go by SYN cookies.",
	  .cause = "net.core.somaxconn was below 4096 when the relay opened its listeners.",
	  .see = "ss -lnt (Send-Q of the relay's ports); sysctl net.core.somaxconn",
	  .cure = "sysctl -w net.core.somaxconn=4096, then stop and start the relay." },
	{ .id = "syncookies",
	  .title = "SYN cookies are off, or are used for every connection",
	  .means =
		  "Off: a flood of SYNs keeps everybody out. Always: connections lose TCP options.",
	  .cause = "net.ipv4.tcp_syncookies is not 1, the default of the kernel.",
	  .see = "sysctl net.ipv4.tcp_syncookies; nstat -az TcpExtSyncookiesSent",
	  .cure = "sysctl -w net.ipv4.tcp_syncookies=1",
	  .fix = FIX_SYSCTL },
	{ .id = "tcp-memory",
	  .title = "the sockets of TCP have used up their memory",
	  .means = "Windows shrink and connections crawl; at the limit packets are dropped.",
	  .cause = "Many connections with slow receivers, or net.ipv4.tcp_mem is small for this "
		   "host.",
	  .see = "cat /proc/net/sockstat; sysctl net.ipv4.tcp_mem (pages); ss -tm",
	  .cure = "Raise net.ipv4.tcp_mem, or bound clients with max-flows-per-source." },
	{ .id = "udp-memory",
	  .title = "the sockets of UDP have used up their memory",
	  .means = "Datagrams are dropped on arrival.",
	  .cause = "A program does not read its datagrams, or net.ipv4.udp_mem is small.",
	  .see = "cat /proc/net/sockstat; ss -um; nstat -az UdpRcvbufErrors UdpMemErrors",
	  .cure = "Raise net.ipv4.udp_mem; stop the program that does not read." },
	{ .id = "udp-port-taken",
	  .title = "a daemon of this host has the UDP port of intercepted servers",
	  .means = "A proxy that binds the address of the server for its answers gets "
		   "EADDRINUSE, and the answers are lost. tproxy-relay sends them by a raw "
		   "socket instead.",
	  .cause = "The daemon listens on 0.0.0.0 or [::] without SO_REUSEADDR.",
	  .see = "ss -lnup",
	  .cure = "Let the daemon listen on single addresses, or let tproxy-relay take the rule." },
	{ .id = NULL },
};
