/* SPDX-License-Identifier: BSD-2-Clause */
/* Problems of the checks of running relays, of listeners that others reach, and of pools. */
#include "loader/check/kinds.h"

const struct kind kinds_relay[] = {
	{ .id = "relay-silent",
	  .title = "the relay runs and does not answer",
	  .means = "The kernel completes handshakes, and then nothing happens. Flows that run "
		   "already hang.",
	  .cause = "The process was stopped by a signal or a debugger, or it hangs, such as in "
		   "a write to a dead disk.",
	  .see = "ps -o pid,stat,wchan -C tproxy-relay (T is stopped, D waits for a disk); "
		 "tproxy-loader flows",
	  .cure = "kill -CONT PID if it is stopped, else restart tproxy-relay." },
	{ .id = "relay-elsewhere",
	  .title = "a relay runs, but is not registered in these pins",
	  .means = "New flows fare as on-proxy-down says, although a relay is there.",
	  .cause = "It was started with another --pin-dir, or without the capability to open "
		   "these pins.",
	  .see = "the first lines of the relay's log; ls /sys/fs/bpf",
	  .cure = "Start the relay with the --pin-dir that the loader uses." },
	{ .id = "descriptors-short",
	  .title = "the relay has too few descriptors",
	  .means = "It refuses new flows, and ends idle ones of the client that has the most.",
	  .cause = "The limit of open files is low (LimitNOFILE, ulimit -Hn), or one client "
		   "opens very many flows.",
	  .see = "grep 'open files' /proc/PID/limits; tproxy-loader flows (totals by client); "
		 "end=limit and end=evicted in the log",
	  .cure = "Raise LimitNOFILE of the unit and restart the relay; bound clients with "
		  "max-flows-per-source." },
	{ .id = "no-free-port",
	  .title = "no port of this host was free for a connection",
	  .means = "The relay refuses flows to a server with which all its ports are in use.",
	  .cause = "Many short connections to one server: each port rests in TIME_WAIT for a "
		   "minute.",
	  .see = "ss -tan state time-wait | wc -l; 'no free port' in the relay's log",
	  .cure = "sysctl -w net.ipv4.tcp_tw_reuse=1, or several addresses: source = ADDR ADDR.",
	  .fix = FIX_SYSCTL },
	{ .id = "port-range-small",
	  .title = "this host has few ports for connections to one server",
	  .means = "The relay refuses the flow that would need one more port.",
	  .cause = "net.ipv4.ip_local_port_range was made smaller.",
	  .see = "sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports",
	  .cure = "sysctl -w net.ipv4.ip_local_port_range=\"16384 60999\", or source = client-ip.",
	  .fix = FIX_SYSCTL },
	{ .id = "loop",
	  .title = "flows of the relay come back to it",
	  .means = "One connection of a client becomes up to 64 flows and then fails. The TTL "
		   "ends each loop, and the relay refuses flows to its own ports.",
	  .cause = "A route leads packets to this destination back by an attached interface: a "
		   "router that does not have the network returns them to its default gateway.",
	  .see = "tproxy-loader flows; ' loop' at the end of lines of the relay's log; "
		 "traceroute -n DESTINATION",
	  .cure = "Correct the route here or at that router, or blackhole networks that nobody "
		  "has: ip route add blackhole NETWORK." },
	{ .id = "upstream-down",
	  .title = "a proxy behind the relay does not work",
	  .means = "New flows take the next upstream of the list; if there is none, they are "
		   "refused.",
	  .cause = "It is not running, its address or password is wrong, or there is no route "
		   "to it.",
	  .see = "'upstream … is down' in the relay's log says why",
	  .cure = "Start it, or correct upstream in the configuration and reload the relay." },
	{ .id = "log-lost",
	  .title = "lines of the relay's log are lost",
	  .means = "Flows are relayed as before; part of them is not logged.",
	  .cause = "The disk is full, or what reads the standard output of the relay is too slow.",
	  .see = "df; 'log lines were lost' in the log",
	  .cure = "Free space, or log less (log-level = warn)." },
	{ .id = "log-moved",
	  .title = "the relay writes its log to another file than its path names",
	  .means = "The file at the path stays empty; the lines are in the renamed one.",
	  .cause = "A rotation renamed the file and did not send SIGUSR1 to the relay.",
	  .see = "ls -l /proc/PID/fd | grep log",
	  .cure = "kill -USR1 PID; let logrotate do so in its postrotate." },
	{ .id = "divert-missing",
	  .title = "answers to the address of a client do not reach the relay",
	  .means = "Connections of the relay to servers hang, or are reset by the client.",
	  .cause = "The relay runs with source = client-ip, and the interface towards the "
		   "servers is not attached.",
	  .see = "tcpdump on that interface shows SYN-ACKs to the client; tproxy-loader status",
	  .cure = "tproxy-loader attach IF --divert-only, or divert = IF in the configuration." },
	{ .id = "listener-exposed",
	  .title = "clients can dial the port of the proxy",
	  .means = "A connection to the port itself has the proxy as its original destination: "
		   "many proxies connect to themselves without end, until all descriptors are "
		   "gone.",
	  .cause = "The proxy listens on 0.0.0.0 or [::], or on an address of the network.",
	  .see = "ss -lntup",
	  .cure = "Bind it to 127.0.0.1 and [::1]: intercepted flows reach it there as well." },
	{ .id = "listener-shared",
	  .title = "two programs share the port of the proxy",
	  .means = "The kernel gives each of them part of the flows. Before Linux 6.6 tc cannot "
		   "choose such a listener at all, and each flow takes the slower way by "
		   "sk_lookup.",
	  .cause = "A second program, or an old instance of the proxy, listens on the port with "
		   "SO_REUSEPORT.",
	  .see = "ss -lntup sport = :PORT",
	  .cure = "Stop the one that is not the proxy." },
	{ .id = "pool-not-local",
	  .title = "the address of a pool is not delivered to this host",
	  .means = "Its flows are forwarded, or refused as unreachable.",
	  .cause = "The address was not added to an interface, or its route is missing.",
	  .see = "ip route get ADDRESS (must begin with local)",
	  .cure = "ip route add local ADDRESS dev lo, or add it to an interface." },
	{ .id = NULL },
};
