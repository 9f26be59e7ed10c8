#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# With source = ADDR… flows have one of these addresses, by destination. Where its ports are used up
# the next address serves, and then ports in TIME_WAIT; if nothing is left, log and record say so.
. "$(dirname "$0")/../lib/test.sh"

OWN4="10.77.2.11 10.77.2.12 10.77.2.13" OWN6="fd77:2::11 fd77:2::12 fd77:2::13"
LIST="${OWN4// /,},${OWN6// /,}"
PORTS=8 # the router has so few

at() { echo "10.77.3.$((20 + $1)) fd77:3::2$1"; }
seen_by() { cpy crowd "$1" 7007 "${2:-1}" | grep -v '^all$' | sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs; }
udp_seen() { cpy udp-who "$1" 7008 | cut -d' ' -f1; }
# hold ADDRESS COUNT — so many connections stay open; prints what the server saw
hold() {
	rm -f "$WORK/held" # of the previous time
	c python3 "$LIB/net.py" crowd "$1" 7007 "$2" "$WORK/go" >"$WORK/held" 2>&1 &
	disown
	wait_for 30 grep -q '^all$' "$WORK/held" || return
	grep -v '^all$' "$WORK/held" | sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs
}
release() {
	touch "$WORK/go"
	wait_for 20 none_held
	rm "$WORK/go"
}
# none of our sockets is open there; those in TIME_WAIT are not
none_held() { ! r ss -Htan "dport = :7007" | grep -v TIME-WAIT >/dev/null; }
few_ports() { # FIRST
	r sysctl -qw net.ipv4.ip_local_port_range="$1 $(($1 + PORTS - 1))"
}
many_ports() { r sysctl -qw net.ipv4.ip_local_port_range="32768 60999"; }

prepare
serve_run greet "$SERVER" python3 "$LIB/net.py" greet 7007
wait_for 10 listening "$SERVER" tcp 7007 || fatal "the server starts"
for address in $OWN4; do r ip addr add "$address/24" dev r1; done
for address in $OWN6; do r ip addr add "$address/64" dev r1 nodad; done
for i in 0 1 2 3 4 5 6 7; do
	for address in $(at $i); do s ip addr add "$address" dev lo; done
done
# shellcheck disable=SC2046 # words
serve_run udp "$SERVER" python3 "$LIB/net.py" udp-at 7008 $SERVER4 $SERVER6 $(for i in {0..7}; do at "$i"; done)
wait_for 10 listening "$SERVER" udp 7008 || fatal "the UDP server starts"
do_ok "attach" loader attach r0 --ports 7007,udp/7008 \
	--to 10.77.2.0/24,10.77.3.0/24,fd77:2::/64,fd77:3::/64

# ---- the choice ----

ok "the relay starts" relay_start --source "$LIST"
ok "and says with what" relay_says 'source 10\.77\.2\.11 and 5 more$'
ok "the relay is registered" relay_says 'registered in'
bypass_reset
for i in 0 1 2 3 4 5 6 7; do
	for address in $(at $i); do
		first=$(seen_by "$address")
		is "$address sees one address" "$(seen_by "$address" 5)" "${first%=*}=5"
		is "$address sees it over UDP as well" "$(udp_seen "$address")" "${first%=*}"
		echo "${first%=*}" >>"$WORK/sources"
	done
done
is "eight servers see all addresses" "$(sort -u "$WORK/sources" | xargs)" "$OWN4 $OWN6"

# ---- ports are used up ----

few_ports 40000
for to in "$SERVER4 4" "$SERVER6 6"; do
	read -r address family <<<"$to"
	all=$(echo "$OWN4 $OWN6" | xargs -n1 | if [[ $family == 4 ]]; then grep '\.'; else grep :; fi |
		sed "s/\$/=$PORTS/" | xargs)
	is "$address: the next addresses take over" "$(hold "$address" $((3 * PORTS)))" "$all"
	is "one more is reset" "$(seen_by "$address")" "nothing=1"
	ok "its record says why" relay_says "-> $(escaped "$(bracket "$address")"):7007 .*end=connect-failed reason=no-free-port errno=EADDRNOTAVAIL"
	ok "another server can be reached" test "$(seen_by "$(at 1 | cut -d' ' -f$((family / 2 - 1)))")" != "nothing=1"
	release
done
ok "a warning names the cure" relay_says 'no free port towards .*source = ADDR.*ip_local_port_range.*tcp_tw_reuse'
is "and is not repeated" "$(grep -c 'no free port towards' "$RELAY_LOG")" 1

# ---- ports in TIME_WAIT ----

for to in $SERVER4 $SERVER6; do
	is "$to: 100 connections that we end first, with $((3 * PORTS)) ports" \
		"$(seen_by "$to" 100 | tr ' ' '\n' | grep -c nothing)" 0
done
cpy udp-crowd $SERVER4 7008 24 | sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs >"$WORK/udp"
is "24 UDP flows have all ports of three addresses" "$(<"$WORK/udp")" "$(echo "$OWN4" | sed "s/ /=$PORTS /g; s/\$/=$PORTS/")"
is "one more gets nothing" "$(udp_seen $SERVER4)" nothing
ok "its record says why" relay_says "$(record udp $CLIENT4 $SERVER4 7008 '.*end=connect-failed reason=no-free-port')"
relay_stop
many_ports
ok "a relay with its own address starts" relay_start
few_ports 40000 # its listeners have others
for address in $SERVER4 $SERVER6; do
	own=$(seen_by "$address")
	own=${own%=*}
	is "$address: 60 connections, with $PORTS ports" "$(seen_by "$address" 60)" "$own=60"
	ok "$address: all have ended" wait_for 10 none_held
	is "$address: as many as there are ports stay" "$(hold "$address" $PORTS)" "$own=$PORTS"
	is "$address: one more is reset" "$(seen_by "$address")" "nothing=1"
	ok "its record says why" relay_says "-> $(escaped "$(bracket "$address")"):7007 .*reason=no-free-port"
	release
done
relay_stop
many_ports

# ---- addresses that are not there ----

ok "a relay starts with an address that the host lacks" relay_start --source 10.77.2.77,fd77:2::77
ok "it warns" relay_says 'source address 10\.77\.2\.77: .*not on this host'
for to in $SERVER4 $SERVER6; do
	is "a flow to $to is reset" "$(seen_by "$to")" "nothing=1"
	ok "its record says why" relay_says "$(record tcp "$([[ $to == *:* ]] && echo $CLIENT6 || echo $CLIENT4)" "$to" 7007 '.*end=connect-failed reason=source-address')"
	is "no datagram leaves" "$(cpy udp-who "$to" 7008)" nothing
	ok "its record says why" relay_says "$(record udp "$([[ $to == *:* ]] && echo $CLIENT6 || echo $CLIENT4)" "$to" 7008 '.*end=connect-failed reason=source-address')"
done
r ip addr add 10.77.2.77/24 dev r1
is "it comes later" "$(seen_by $SERVER4)" "10.77.2.77=1"
is "UDP has it, too" "$(udp_seen $SERVER4)" 10.77.2.77
relay_stop
ok "a relay with IPv4 addresses only starts" relay_start --source 10.77.2.11
like "IPv6 flows have the kernel's choice" "$(seen_by $SERVER6)" '^fd77:2::[0-9]*=1$'
relay_stop

# ---- prefixes ----

s ip route add 10.99.0.0/28 via $ROUTER4
s ip route add fd99::/64 via $ROUTER6
r ip route add local 10.99.0.0/28 dev lo
r ip route add local fd99::/64 dev lo
ok "a relay with prefixes starts" relay_start --source 10.99.0.0/28,fd99::/64
rm -f "$WORK/sources"
for i in 0 1 2 3 4 5 6 7; do
	for address in $(at $i); do
		first=$(seen_by "$address")
		is "$address sees one address" "$(seen_by "$address" 3)" "${first%=*}=3"
		is "$address sees it over UDP as well" "$(udp_seen "$address")" "${first%=*}"
		echo "${first%=*}" >>"$WORK/sources"
	done
done
like "eight servers see several addresses of 10.99.0.0/28" "$(grep '^10\.99\.0\.' "$WORK/sources" | sort -u | wc -l)" '^[3-8]$'
like "eight servers see several addresses of fd99::/64" "$(grep '^fd99:' "$WORK/sources" | sort -u | wc -l)" '^[3-8]$'
is "none is the network's own or broadcast" "$(grep -cE '^10\.99\.0\.(0|15)$' "$WORK/sources")" 0
few_ports 50000
is "several of them serve one busy server" "$(hold $SERVER4 $((3 * PORTS)) | grep -o "=$PORTS" | wc -l)" 3
release
many_ports
relay_stop
ok "in a full cone" relay_start --source 10.99.0.0/28,fd99::/64 --udp-full-cone
for to in $SERVER4 $SERVER6; do
	like "datagrams to $to have one, too" "$(udp_seen "$to")" '^(10\.99\.0\.|fd99:)'
done
relay_stop
bypass_none "no packet went past the relay"
finish
