#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Faults of the host: calls that the kernel refuses, and sockets that use up their memory. doctor names
# each by its id and no other, and its cure mends it.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=../lib/doctor.sh
. "$LIB/doctor.sh"
# shellcheck source=../lib/strace.sh
. "$LIB/strace.sh"

prepare nginx
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80
ok "flows go through the relay" steering "$SERVER4"
healthy "at first"

# ---- calls that the kernel refuses ----

strace_works
# of RTM_GETROUTE; the first two look for leftovers of own traffic
fault routing-unknown doctor_fails sendto ENOMEM nlmsg_type=0x1a 3
cure doctor_works
fault listener-unknown doctor_fails socket EACCES NETLINK_SOCK_DIAG 1
cure doctor_works
if [[ $("$LOADER" -j features) =~ \"tcx\":\ *true ]]; then
	fault order-unread doctor_fails bpf EPERM BPF_PROG_QUERY '$'
else
	fault order-unread doctor_fails sendto ENOMEM nlmsg_type=0x2e '$'
fi
cure doctor_works

# ---- memory of sockets ----

cat >"$WORK/full.py" <<-'END'
	import signal, socket
	kept = []
	for _ in range(16):
	    kept.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
	    kept[-1].bind(("127.0.0.1", 0))
	    for _ in range(200):
	        kept[0].sendto(bytes(1400), kept[-1].getsockname())
	    listener = socket.create_server(("127.0.0.1", 0))
	    kept.append(socket.create_connection(listener.getsockname()))
	    kept.append(listener.accept()[0])
	    kept[-2].setblocking(False)
	    try:
	        while True:
	            kept[-2].send(bytes(65536))
	    except BlockingIOError:
	        pass
	print("full", flush=True)
	signal.pause()
END
serve_run full "$ROUTER" python3 "$WORK/full.py"
ok "sockets with queues" wait_for 20 grep -q full "$WORK/log/full"
# The limits are those of the whole host and no file of this namespace. So they get one.
limit() { # PROTOCOL FILE — half of what is in use
	local used

	used=$(r sed -n "s/^$1: .* mem //p" /proc/self/net/sockstat | cut -d' ' -f1)
	r cp -r /proc/sys/net/ipv4 "$WORK/ipv4" 2>/dev/null
	echo "$((used / 4)) $((used / 2)) $((used * 4))" >"$WORK/ipv4/$2"
	r mount --bind "$WORK/ipv4" /proc/sys/net/ipv4
}
unlimit() { r umount /proc/sys/net/ipv4 && rm -r "$WORK/ipv4"; }
fault tcp-memory limit TCP tcp_mem
cure
unlimit
fault udp-memory limit UDP udp_mem
cure
unlimit
finish
