#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# doctor and the relay: a relay that hangs, is registered elsewhere, lacks descriptors or ports, loses
# its log or its upstream. Each has its id and no other, and the cure that doctor names mends it.
TEST_LIMIT=420
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=tests/lib/doctor.sh
. "$LIB/doctor.sh"

LOGS=$WORK/logs
FILE=$LOGS/relay.log

# again ARG… — another relay, and doctor finds nothing
again() {
	relay_stop
	ok "a relay starts: $*" relay_start "$@"
	ok "flows go through it" steering $SERVER4
}

# log_start FILE — a relay that logs there
log_start() {
	relay_stop
	RELAY_LOG=$1
	"$RELAY" -n "$ROUTER" --log-file "$1" >"$WORK/log/out" 2>&1 </dev/null &
	RELAY_PID=$!
	disown "$RELAY_PID"
	ok "a relay starts that logs to ${1##*/}" wait_for 10 grep -q listening "$1"
	ok "flows go through it" steering $SERVER4
}

flows() { # N
	for _ in $(seq "$1"); do
		whoami_at $SERVER4
	done >/dev/null
}

prepare nginx
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80
ok "flows go through the relay" steering $SERVER4 $SERVER6
finds "all is well" -

# --- it does not answer ---
ok "the relay is stopped" freeze "$RELAY_PID"
finds "it hangs" "broken:relay-silent"
does "the cure" "$(doctor_next relay-silent | sed 's/;.*//')"
mended "helps"

# --- another pin directory ---
relay_stop
ok "a relay for other pins starts" relay_start --pin-dir /sys/fs/bpf/other
finds "it is not registered" "broken:no-listener degraded:relay-elsewhere"
relay_stop
ok "the cure: $(doctor_next relay-elsewhere)" relay_start --pin-dir "$PINS"
ok "flows go through it" steering $SERVER4
mended "helps"

# --- descriptors ---
cat >"$WORK/few" <<-SH
	#!/bin/sh
	ulimit -n 400
	exec "$RELAY" "\$@"
SH
chmod +x "$WORK/few"
RELAY=$WORK/few again
finds "it has few descriptors" "degraded:descriptors-short"
like "as its limit says" "$(doctor_next descriptors-short)" 'ulimit -n 262144'
again
mended "a relay with more is well"

# --- ports ---
r sysctl -qw net.ipv4.ip_local_port_range="40000 40099"
finds "few ports" "degraded:port-range-small"
does "the cure" "$(doctor_next port-range-small)"
mended "helps"

r sysctl -qw net.ipv4.ip_local_port_range="30000 39999"
cat >"$WORK/ports.py" <<-'END'
	import resource, signal, socket
	hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
	resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
	kept = [socket.socket() for _ in range(10000)]
	for number, sock in enumerate(kept):
	    try:
	        sock.bind(("0.0.0.0", 30000 + number))
	    except OSError:
	        pass  # a flow of the relay had it a moment ago
	print("bound", flush=True)
	signal.pause()
END
serve_run ports "$ROUTER" python3 "$WORK/ports.py"
no_port() { whoami_at "$SERVER4"; relay_says 'no free port towards'; }
ok "others have all ports" wait_for 30 grep -q bound "$WORK/log/ports"
ok "a flow finds none" no_port
finds "none is free" "degraded:no-free-port"
like "by default, ports in TIME_WAIT are not used" "$(doctor_next no-free-port)" tcp_tw_reuse=1
does "the cure" "$(doctor_next no-free-port)"
finds "the next step" "degraded:no-free-port"
like "is about addresses" "$(doctor_next no-free-port)" 'source = ADDR'
stop "${SERVE_PIDS[-1]}"
mended "with ports all is well"

# --- the log ---
mkdir "$LOGS"
log_start "$FILE"
finds "a log file is well" -
mv "$FILE" "$FILE.1"
finds "it was renamed" "degraded:log-moved"
touch "$FILE"
finds "and another one has its name" "degraded:log-moved"
does "the cure" "$(doctor_next log-moved | sed 's/;.*//')"
mended "helps"
flows 1
ok "the next flow is in the new file" wait_for 10 grep -q ' tcp ' "$FILE"

mkdir "$WORK/full"
mount -t tmpfs -o size=64k tmpfs "$WORK/full"
log_start "$WORK/full/relay.log"
dd if=/dev/zero of="$WORK/full/filler" bs=4k 2>/dev/null
flows 60
ok "lines are lost" wait_for 20 found "degraded:log-lost"
finds "the disk is full" "degraded:log-lost"
like "and it says so" "$(doctor_next log-lost)" "free space where .*/relay.log is"
rm "$WORK/full/filler"
flows 1
mended "with room all is well"
again
umount "$WORK/full"

# --- the address of the client ---
relay_stop
ok "a relay with the address of the client starts" relay_start --source client-ip
c curl -gs -m 1 "http://$SERVER4/whoami" >/dev/null # its answer goes past the relay
finds "answers go past it" "broken:divert-missing"
does "the cure" "$(doctor_next divert-missing | sed 's/;.*//')"
ok "flows go through it" recorded $SERVER4
mended "helps"
do_ok "detach the side of the servers" loader detach r1

# --- the upstream ---
relay_stop
ok "a relay with upstreams starts" relay_start --upstream "socks5://$SERVER4:1080,socks5://$SERVER4:1081" --upstream-check 1
ok "it finds them down" relay_says "upstream socks5://$SERVER4:1081 is down"
finds "no upstream works" "broken:upstream-down"
serve_run socks "$SERVER" python3 "$LIB/socks5.py" 1080
ok "one starts" relay_says "upstream socks5://$SERVER4:1080 is up again"
finds "one works" "degraded:upstream-down"
serve_run more "$SERVER" python3 "$LIB/socks5.py" 1081
mended "the cure, to start them, helps"

# --- a loop: the router beyond r0 returns what it gets ---
again
c sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.c0.send_redirects=0
r sysctl -qw net.ipv4.conf.all.accept_local=1 net.ipv4.conf.r0.accept_local=1 \
	net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.r0.send_redirects=0
healthy "no loop yet"
r ip route add 10.77.9.0/24 via "$CLIENT4"
is "a connection goes round" "$(c python3 "$LIB/net.py" probe 10.77.9.9 80 20)" "connected reset"
finds "its flows came back" "degraded:loop"
like "it says how many" "$(json_value "o['problems'][0]['text']" <"$DOCTOR_JSON")" '^[0-9]+ flows of tproxy-relay .* came back'
r ip route replace blackhole 10.77.9.0/24
mended "half a minute after the route is corrected"
finish
