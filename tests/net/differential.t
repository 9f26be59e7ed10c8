#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The same listener with nft TPROXY rules and with tproxy-loader --proxy: clients and the proxy
# see the same, except where tproxy is meant to be better.
. "$(dirname "$0")/../lib/test.sh"

# the classic set-up: match sockets, then TPROXY; a mark, a rule, a local route
classic_up() {
	local family

	for family in -4 -6; do
		r ip "$family" rule add pref 150 fwmark 1/1 lookup 100 || return
		r ip "$family" route add local default dev lo table 100 || return
	done
	r nft -f - <<-'NFT'
		table inet classic {
			chain prerouting {
				type filter hook prerouting priority mangle
				iifname != r0 return
				fib daddr type { local, broadcast, multicast } return
				meta l4proto tcp socket transparent 1 meta mark set mark or 1 accept
				tcp dport { 22, 7007 } meta mark set mark or 1 tproxy to :3129 accept
				udp dport 7007 meta mark set mark or 1 tproxy to :3129 accept
			}
		}
	NFT
}

classic_down() {
	local family

	r nft delete table inet classic
	for family in -4 -6; do
		r ip "$family" rule del pref 150
		r ip "$family" route flush table 100
	done
}

ours_up() { loader attach r0 --ports 22,7007,udp/7007 --proxy 3129; }
ours_down() { loader detach --all; }

proxy_start() {
	serve_run proxy "$ROUTER" python3 "$LIB/corner.py" tell 3129 proxy
	wait_for 10 listening "$ROUTER" udp 3129
}

# one line for each thing that can be observed
observe() {
	local to

	for to in $SERVER4 $SERVER6 $EXTRA4 $EXTRA6; do
		echo "TCP and UDP to $to 7007: $(corner ask "$to" 7007 tcp,udp)"
		echo "port 22, closed at the server: $(corner ask "$to" 22 tcp)"
		echo "port 81, closed, without a rule: $(corner ask "$to" 81 tcp,udp 1)"
		echo "port 7008, without a rule: $(corner ask "$to" 7008 tcp,udp)"
	done
	for to in $GATE4 $ROUTER4 $GATE6 $ROUTER6; do
		echo "the router's $to 7007: $(corner ask "$to" 7007 tcp,udp 1)"
		echo "the router's $to 7009: $(corner ask "$to" 7009 tcp,udp)"
	done
	echo "an absent server: $(corner ask $ABSENT4 7007 tcp,udp), $(corner ask $ABSENT6 7007 tcp,udp)"
	bypass_none "no packet of this was forwarded" | cut -d' ' -f1
	stop "${SERVE_PIDS[-1]}"
	proxy_start
	echo "with a new one: $(corner ask $SERVER4 7007 tcp,udp), $(corner ask $SERVER6 7007 tcp,udp)"
}

fragmented() { # ADDRESS — the proxy reports how much it got
	c python3 - "$1" <<-'PY'
		import socket, sys
		family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
		sock = socket.socket(family, socket.SOCK_DGRAM)
		sock.connect((sys.argv[1], 7007))
		sock.settimeout(1)
		sock.send(bytes(4000))
		try:
		    print(sock.recv(1000).decode())
		except OSError as error:
		    print(error)
	PY
}

old_flow() { # UP DOWN ADDRESS — does a flow older than the set-up live through it?
	local pid

	rm -f "$WORK/go" "$WORK/hold"
	cpy hold "$3" 7010 "$WORK/go" >"$WORK/hold" 2>&1 &
	pid=$!
	wait_for 10 grep -q up "$WORK/hold"
	"$1" >/dev/null 2>&1
	touch "$WORK/go"
	wait_for 4 process_gone "$pid"
	if grep -q "done" "$WORK/hold"; then echo lives; else echo dies; fi
	kill "$pid" 2>/dev/null
	"$2" >/dev/null 2>&1
}

prepare
if ! r nft -f - <<<'table inet try { chain c { type filter hook prerouting priority mangle
	tcp dport 1 tproxy to :1 socket transparent 1 accept; }; }' 2>/dev/null; then
	skip_inside "the kernel has no nft tproxy to compare with"
fi
r nft delete table inet try
serve_run tell7007 "$SERVER" python3 "$LIB/corner.py" tell 7007 server
serve_run tell7008 "$SERVER" python3 "$LIB/corner.py" tell 7008 server
serve_run tell7009 "$ROUTER" python3 "$LIB/corner.py" tell 7009 router
serve_run echo7010 "$SERVER" python3 "$LIB/net.py" echo 7010
wait_for 10 listening "$SERVER" tcp 7010 || fatal "the servers start"
r sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
s sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
ok "the proxy starts" proxy_start

ok "nft TPROXY is set up" classic_up
bypass_reset
observe >"$WORK/log/classic" 2>&1
fragments_classic="$(fragmented $SERVER4), $(fragmented $SERVER6)"
r sysctl -qw net.ipv4.conf.all.src_valid_mark=1
valid_classic=$(corner ask $SERVER4 7007 tcp 1)
r sysctl -qw net.ipv4.conf.all.src_valid_mark=0
unrouted_classic=$(corner ask 203.0.113.5 7007 tcp 2)
classic_down

do_ok "tproxy-loader is set up" ours_up
bypass_reset
observe >"$WORK/log/ours" 2>&1
same_text "all that can be observed is the same" "$WORK/log/classic" "$WORK/log/ours"
bypass_reset
like "which is interception" "$(<"$WORK/log/ours")" "proxy $SERVER4 7007.*proxy $SERVER6 7007"
is "fragmented datagrams" "$(fragmented $SERVER4), $(fragmented $SERVER6)" "$fragments_classic"

bypass_none "none of these was forwarded"
bypass_reset

is "with src_valid_mark=1 the classic way fails" "$valid_classic" timeout
r sysctl -qw net.ipv4.conf.all.src_valid_mark=1
is "and ours works" "$(corner ask $SERVER4 7007 tcp)" "proxy $SERVER4 7007"
r sysctl -qw net.ipv4.conf.all.src_valid_mark=0
is "a destination without a route: the classic proxy takes it" "$unrouted_classic" "proxy 203.0.113.5 7007"
is "and the kernel reports it" "$(corner ask 203.0.113.5 7007 tcp)" ENETUNREACH
bypass_none "no packet of these was forwarded"
ours_down >/dev/null 2>&1

# 7010 is intercepted only below
classic_old() { classic_up && r nft insert rule inet classic prerouting tcp dport 7010 meta mark set mark or 1 tproxy to :3129 accept; }
ours_old() { loader attach r0 --ports 7010 --proxy 3129; }
for to in $SERVER4 $SERVER6; do
	is "a flow to $to that is older than the classic rules" "$(old_flow classic_old classic_down "$to")" dies
	is "a flow to $to that is older than our rules" "$(old_flow ours_old ours_down "$to")" lives
done
finish
