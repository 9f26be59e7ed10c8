#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Each end gets the ICMP errors that it would get without a relay: closed ports, hosts that do not
# answer. A path that becomes narrow loses nothing.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"
. "$(dirname "$0")/../lib/destroy.sh"

prepare nginx
serve_peer echo 7007
serve_run late "$SERVER" python3 "$LIB/net.py" udp-late 53
wait_for 10 listening "$SERVER" udp 53 || fatal "the late server starts"

reported() { [[ $(grep -c ECONNREFUSED "$WORK/log/late") -eq $1 ]]; }

# the same without and with the relay; routers report in their own name, whichever it is
straight() {
	is "$1: a closed port of $SERVER4" "$(cpy udp-error $SERVER4 9)" "ECONNREFUSED $SERVER4"
	is "$1: a closed port of $SERVER6" "$(cpy udp-error $SERVER6 9)" "ECONNREFUSED $SERVER6"
	like "$1: no host is at $ABSENT4" "$(cpy udp-error $ABSENT4 9)" "^EHOSTUNREACH 10.77.[12].1$"
	like "$1: no host is at $ABSENT6" "$(cpy udp-error $ABSENT6 9)" "^EHOSTUNREACH fd77:[12]::1$"
	for to in $SERVER4 $SERVER6; do
		is "$1: the server at $to hears that the client has gone" \
			"$(cpy udp-leave "$to" 53 3)" "left"
		is "$1: also on a busy flow" "$(cpy udp-leave "$to" 53 300)" "left"
	done
}

straight "without a relay"
ok "the server got the errors" wait_for 10 reported 4
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/9,udp/53,udp/7007 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
straight "with the relay"
ok "the server got those of the relay" wait_for 10 reported 8
ok "the record has the error" relay_says \
	"$(record udp $CLIENT4 $SERVER4 9 '.* end=error errno=ECONNREFUSED')"
if destroy_ready; then
	r ss -K -w -a >/dev/null
	straight "with the relay, whose raw sockets were destroyed"
	ok "the server got those, too" wait_for 10 reported 12
fi

# Only what the data path kept here counts: not an error that somebody beyond the server sends to
# this host itself.
# answered CLIENT SERVER — how many of 20 questions of one quiet flow
answered() {
	c python3 - "$1" "$2" <<-'PY'
		import socket, sys, time
		u = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, 2)
		u.bind((sys.argv[1], 5555))
		u.connect((sys.argv[2], 7007))
		u.settimeout(5)
		n = 0
		for i in range(20):
		    u.send(b"question")
		    try: n += len(u.recv(2000)) > 0
		    except OSError: pass
		    time.sleep(0.01)
		print(n)
	PY
}
for case in "$CLIENT4 $SERVER4 $ROUTER4" "$CLIENT6 $SERVER6 $ROUTER6"; do
	read -r client to router <<<"$case"
	serve_run "forger$router" "$SERVER" python3 "$LIB/forge.py" \
		"$router" "$to" 7007 "$client" 5555 0.001
	is "forged errors about answers of $to lose nothing" "$(answered "$client" "$to")" 20
	stop "${SERVE_PIDS[-1]}"
	ok "and end no flow" relay_silent "$(record udp "$client" "$to" 7007 '.* end=error')"
done

# from here, not for what is forwarded: the error is the relay's own
r ip rule add pref 100 iif lo to 10.77.2.98 unreachable
r ip -6 rule add pref 100 iif lo to fd77:2::98 unreachable
like "no way to 10.77.2.98" "$(cpy udp-error 10.77.2.98 9)" "^E(NET|HOST)UNREACH 10.77.[12].1$"
like "no way to fd77:2::98" "$(cpy udp-error fd77:2::98 9)" "^E(NET|HOST)UNREACH fd77:[12]::1$"

# Linux lets routers fragment what leaves in runs, of IPv4; IPv6 has to learn the MTU
turn_narrow() { # ADDRESS [KEY=N]…
	flow_start "flow$1" "$1" 7007 count=100000 size=1400 window=64 "${@:2}"
	ok "a flow of datagrams of 1400 bytes to $1" wait_for 20 answers_reach "flow$1" 5000
	r ip route add "$1" dev r1 mtu 1280
	ok "continues when the path becomes narrow" wait_for 30 answers_reach "flow$1" 50000
	r ip route del "$1" dev r1 mtu 1280
}
turn_narrow $SERVER4 gso=16
lossless "and loses nothing" 100000 "$(flow_end flow$SERVER4)"
turn_narrow $SERVER6 idle=300
like "and loses only the datagrams on their way" "$(flow_end flow$SERVER6)" \
	"^sent 100000 received [0-9]+ lost [0-9]{1,2} wrong 0 "
bypass_none "no packet went past the relay"
finish
