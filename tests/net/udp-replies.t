#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Answers leave from sockets that receive nothing. A client that no rule concerns is not affected
# by what the relay does for others to the same server, or by what strangers send.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"
. "$(dirname "$0")/../lib/dgram.sh"

OTHER4=10.77.1.3 OTHER6=fd77:1::3

prepare nginx
ip -n "$CLIENT" addr add $OTHER4/24 dev c0
ip -n "$CLIENT" addr add $OTHER6/64 dev c0 nodad
serve_dgram 9999
serve_peer echo 9998
ok "the relay starts" relay_start
do_ok "attach for one client" loader attach r0 --ports 80,udp/9998-9999 \
	--to 10.77.2.0/24,fd77:2::/64 --from $CLIENT4/32,$CLIENT6/128
ok "new flows go through the relay" steering $SERVER4

# unconnected UDP sockets of the router that are bound to an address which is not its own
foreign_sockets() {
	r ss -Huna state unconnected | awk '{ print $3 }' | sed 's/%[^:]*//' |
		grep -Ev '^(\*|0\.0\.0\.0|\[::\]|127\.0\.0\.1|\[::1\]|127\.83\.0\.1|\[100::53\]|10\.77\.[12]\.1|\[fd77:[12]::1\]):'
}

# reply_bound PORT — the relay has a socket that answers from this port
reply_bound() { r ss -Huna state unconnected "sport = :$1" | grep -qE '127\.83\.0\.1|100::53'; }

# strays_passed FROM — the client has got what it sent from port 7007
strays_passed() {
	if [[ $1 == *:* ]]; then set -- stray6; else set -- stray4; fi
	[[ $(packets c inet stray "$1") -gt 0 ]]
}

# asked FROM TO PORT [COUNT] — "FROM", if the server saw that address each time
asked() { ask "$2" 9999 from="$1" port="$3" count="${4:-1}" | sed 's/ ttl.*//'; }

check() { # CLIENT OTHER SERVER ROUTER
	local client=$1 other=$2 to=$3 router=$4

	is "the server sees $other" "$(asked "$other" "$to" 6001)" "$other"
	is "and the relay for $client" "$(asked "$client" "$to" 6002)" "$router"
	is "the flow of $other continues unchanged" "$(asked "$other" "$to" 6001)" "$other"
	is "a new flow does too" "$(asked "$other" "$to" 6003)" "$other"
	flow_start "busy$to" "$to" 9998 count=100000000 flows=40 window=40 from="$client"
	ok "flows of $client are promoted" wait_for 20 answers_reach "busy$to" 20000
	is "$other asks 300 times meanwhile" "$(asked "$other" "$to" 6001 300)" "$other"
	ok "they have sockets of their own" direct_sockets_are "$to" 9998 40
	is "no other socket is bound to a foreign address" "$(foreign_sockets)" ""
	stop "${FLOW_PID[busy$to]}"
}

check $CLIENT4 $OTHER4 $SERVER4 $ROUTER4
check $CLIENT6 $OTHER6 $SERVER6 $ROUTER6

# promotion and demotion all the time, and a stranger on the same port of the server
for to in $SERVER4 $SERVER6; do
	[[ $to == *:* ]] && from=$OTHER6 || from=$OTHER4
	for run in 1 2 3; do
		flow_start "turn$run$to" "$to" 9999 count=20000 flows=30 window=30 \
			from="$([[ $to == *:* ]] && echo $CLIENT6 || echo $CLIENT4)"
	done
	is "while flows come and end, $from does not change" "$(asked "$from" "$to" 6004 1000)" "$from"
done

# A forged ICMP error that quotes what answers are bound to finds their socket.
# answered FROM TO — of 100 questions, in flows of their own, with a wait for each answer
answered() {
	c python3 - "$1" "$2" <<-'PY'
		import socket, sys
		n = 0
		for i in range(100):
		    u = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET, 2)
		    u.bind((sys.argv[1], 0))
		    u.connect((sys.argv[2], 9999))
		    u.settimeout(2)
		    u.send(b"question")
		    try: n += len(u.recv(2000)) > 0
		    except OSError: pass
		print(n)
	PY
}

for case in "$CLIENT4 $SERVER4 $ROUTER4 127.83.0.1 203.0.113.5" \
	"$CLIENT6 $SERVER6 $ROUTER6 100::53 fd77:9::5"; do
	read -r client to router quoted anybody <<<"$case"
	is "answers of $to get through" "$(answered "$client" "$to")" 100
	serve_run "forger$router" "$SERVER" python3 "$LIB/forge.py" "$router" "$quoted" 9999 "$anybody" 9 0.0005
	is "also while forged errors about them arrive" "$(answered "$client" "$to")" 100
	stop "${SERVE_PIDS[-1]}"
done
relay_stop

c nft "add table inet stray; add counter inet stray stray4; add counter inet stray stray6
	add chain inet stray in { type filter hook prerouting priority -300; }
	add rule inet stray in ip saddr $EXTRA4 udp sport 7007 counter name stray4
	add rule inet stray in ip6 saddr $EXTRA6 udp sport 7007 counter name stray6"
ok "a relay with a full cone starts" relay_start --udp-full-cone
ok "new flows go through it" steering $SERVER4
for to in $SERVER4 $SERVER6; do
	other=$OTHER4 client=$CLIENT4 router=$ROUTER4 from=$EXTRA4
	[[ $to != *:* ]] || other=$OTHER6 client=$CLIENT6 router=$ROUTER6 from=$EXTRA6
	is "the server sees the relay for $client" "$(asked "$client" "$to" 6005)" "$router"
	port=$(r ss -Huna "sport != :15002 and sport != :15006" | awk '{ print $4 }' |
		sed -n 's/^\(0\.0\.0\.0\|\*\|\[::\]\):\([0-9]*\)$/\2/p' | tail -1)
	# a stranger answers the cone in the name of another server
	s python3 - "$from" "$router" "${port:-1}" <<-'PY'
		import socket, sys
		for port in (53, 9999, 7007):
		    u = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, 2)
		    u.setsockopt(1, 15, 1) if port == 9999 else None
		    try: u.bind((sys.argv[1], port))
		    except OSError: continue
		    u.sendto(b"stray", (sys.argv[2], int(sys.argv[3])))
	PY
	ok "the relay answers in its name" wait_for 10 strays_passed "$from"
	nok "without a socket on its port" reply_bound 7007
	is "no socket is bound to its address" "$(foreign_sockets)" ""
	is "and $other does not change" "$(asked "$other" "$to" 6006)" "$other"
done
finish
