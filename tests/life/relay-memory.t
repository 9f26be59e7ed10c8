#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Allocations of a running relay fail, one after the other: it loses at most the flow concerned
# and continues to serve. Without any memory it does not spin. A close that fails is not repeated.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/fault.sh"

UDPPEER=$TOP/build/tests/helpers/udppeer
[[ -x $UDPPEER ]] || skip_inside "$UDPPEER is not built (make tests)"
command -v addr2line >/dev/null || skip_inside "addr2line is not installed"

CONF=$WORK/relay.conf
prepare peer
fault_configuration "$CONF"
UDP_PORTS=(443 53 9001 9002 9003 9004)
for port in "${UDP_PORTS[@]}"; do
	serve_run "udp$port" "$SERVER" "$UDPPEER" echo "$port"
	wait_for 10 listening "$SERVER" udp "$port" || fatal "the UDP server on port $port starts"
done
serve_run socks "$SERVER" python3 "$LIB/socks5.py" 1080
wait_for 10 listening "$SERVER" tcp 1080 || fatal "the SOCKS server starts"
fault_relay "$RELAY"

# --- while running ---
turn=0
# each time to another port, because the relay keeps memory for each destination
udp_flow() {
	c timeout 3 "$UDPPEER" flow $SERVER4 "${UDP_PORTS[turn++ % ${#UDP_PORTS[@]}]}" count=300 window=16 idle=200
}
udp_error() { cpy udp-error "$SERVER4" 9; }
# where a flow breaks, the server waits long before it answers what came
tcp_flow() { c timeout 1 python3 "$LIB/peer.py" play "$SERVER4" 7007 "$@"; }
readdress() {
	r ip addr add 10.77.1.78/24 dev r0
	sleep 0.15 # the relay reads them at most once in 100 ms
	r ip addr del 10.77.1.78/24 dev r0
	sleep 0.15
	# the relay's threads read them while flows are served
	whole
}

ok "the relay starts" relay_start -c "$CONF" --connect-timeout 3 --drain-timeout 3 --workers 1
do_ok "attach" loader attach r0 --ports 7007,udp/9,udp/53,udp/443,udp/9001-9004
ok "flows go through the relay" wait_for 10 whole
bypass_reset
sweep "a small flow" tcp_flow send=1000 send=1000
sweep "a receiver that stalls" tcp_flow stall=200,rcvbuf=4096 send=2000000
relay_stop
ok "a relay without any pipe starts" relay_start -c "$CONF" --connect-timeout 3 --drain-timeout 3 --workers 1
sweep "bulk" tcp_flow send=16000000 send=16000000
sweep "a flow of datagrams" udp_flow
sweep "an ICMP error" udp_error
sweep "SIGHUP" relay_reload
ok "a re-read that failed was reported" relay_says 'error .*memory'
sweep "other addresses" readdress

# What could not be read is read later: the relay must not stay with the old ones.
r nft -f - <<-'NFT'
	table inet steer {
		chain pre {
			type filter hook prerouting priority mangle
			iifname r0 ip daddr 10.77.1.77 meta l4proto tcp tproxy ip to 127.0.0.1:15002 meta mark set 1 accept
		}
	}
NFT
r ip rule add fwmark 1 lookup 99
r ip route add local default dev lo table 99
for n in {1..40}; do
	r ip addr add 10.76.1."$n"/32 dev lo
done
fault alloc 1 1000000
r ip addr add 10.77.1.77/24 dev r0
ok "an address is new, and memory short" relay_says 'warn local addresses: cannot be read: Cannot allocate memory'
fault off >/dev/null
own() {
	cpy probe 10.77.1.77 80 1
	grep -q '10\.77\.1\.77:80 .*end=refused reason=router$' "$RELAY_LOG"
}
ok "later the relay knows it as the router's" wait_for 20 own

# --- without any memory ---
hopeless() {
	local before i
	before=$(relay_ticks)
	for i in 1 2; do
		is "TCP, time $i: reset" "$(cpy probe $SERVER4 7007 1)" "connected reset"
		cpy udp $SERVER4 53 10 >/dev/null
	done
	# only time shows that nothing happens
	sleep 1
	at_most "ticks of 10 ms meanwhile" "$(($(relay_ticks) - before))" 15
}
fault alloc 1 1000000000
hopeless
fault off >/dev/null
ok "with memory the relay serves again" wait_for 20 whole
is "datagrams too" "$(cpy udp $SERVER4 53 10)" 1

# --- close ---
for error in EIO EINTR; do
	fault close $error 1 1000000000
	ok "close $error: flows are whole" whole 4000000
	udp_flow >/dev/null
	relay_reload
	is "datagrams" "$(cpy udp $SERVER4 53 10)" 1
	play $SERVER4 send=3000000,end=rst stall=500,rcvbuf=4096,end=none >/dev/null
	ok "a reset, and a flow after it" whole
	read -r _ _ closes failed bad < <(fault off)
	like "of $closes closes all failed" "$((closes == failed && closes > 10))" 1
	is "no descriptor was closed that was not open" "$bad" 0
done
fault close EIO 1 1000000000
relay_stop
read -r _ _ closes _ bad < <(fault off)
like "$closes closes fail at the end, too" "$((closes > 10))" 1
is "and no descriptor is closed twice" "$bad" 0
ok "it ends as it should" relay_says "info ended: "

# --- through a proxy ---
tcp_refused() { cpy probe "$SERVER4" 7007 2; }
ok "a relay with an upstream starts" relay_start --connect-timeout 2 --upstream socks5://$SERVER4:1080
datagram() { [[ $(cpy udp "$SERVER4" 53 10) == 1 ]]; }
SERVES=datagram
ok "datagrams go through it" wait_for 10 datagram
sweep "datagrams through a proxy" udp_flow
relay_stop
ok "a relay that sends PROXY headers starts" relay_start --connect-timeout 2 --proxy-protocol v1
ok "datagrams are relayed" wait_for 10 datagram
sweep "connections with a PROXY header" tcp_refused
relay_stop

fault_met reply_get rawicmp_new reload_read addrset_append conn_new pipe_open copy_write session_open direct_open \
	keep_datagram handshake_new
bypass_none "nothing went past the relay"
finish
