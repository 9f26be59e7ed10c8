#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Sections [egress NAME] decide by destination and client how flows leave: from which address, by
# which device, with which mark, TCP and UDP. The first one that matches counts; SIGHUP reads them
# again.
. "$(dirname "$0")/../lib/test.sh"

SECOND4=10.77.5.1 SECOND6=fd77:5::1 # of the router, on another way to the servers

# A second link between router and server, which no route prefers.
second_up() {
	ip -n "$ROUTER" link add r2 type veth peer name s2 netns "$SERVER" &&
		topo_address "$ROUTER" r2 "$SECOND4/24" "$SECOND6/64" &&
		topo_address "$SERVER" s2 10.77.5.2/24 fd77:5::2/64 &&
		r ip route add 10.77.0.0/16 via 10.77.5.2 dev r2 metric 500 &&
		r ip route add fd77::/16 via fd77:5::2 dev r2 metric 5000
}
udp_seen() { cpy udp-who "$1" 7007 | cut -d' ' -f1; }
from() { # ADDRESS
	local seen

	seen=$(whoami_at "$1")
	echo "${seen% *}"
}
# leaves DESCRIPTION DESTINATION SOURCE — TCP and UDP
leaves() {
	is "$1: $2 sees $3" "$(from "$2")" "$3"
	is "$1: $2 sees $3 over UDP" "$(udp_seen "$2")" "$3"
}

prepare nginx
for i in {1..9}; do s ip addr add "10.77.4.$i" dev lo && s ip addr add "fd77:4::$i" dev lo; done
r ip route add 10.77.4.0/24 via $SERVER4
r ip route add fd77:4::/64 via $SERVER6
# shellcheck disable=SC2046 # words
serve_run udp "$SERVER" python3 "$LIB/net.py" udp-at 7007 $SERVER4 $SERVER6 \
	$(for i in {1..9}; do echo "10.77.4.$i" "fd77:4::$i"; done)
wait_for 10 listening "$SERVER" udp 7007 || fatal "the UDP server starts"
ok "there is a second way" second_up
r ip addr add 10.77.2.11/24 dev r1
r ip addr add fd77:2::11/64 dev r1 nodad
c ip addr add 10.77.1.3/24 dev c0
r ip rule add fwmark 0x40/0x40 lookup 100
r ip -6 rule add fwmark 0x40/0x40 lookup 100
r ip route add default via 10.77.5.2 dev r2 table 100
r ip -6 route add default via fd77:5::2 dev r2 table 100
do_ok "attach" loader attach r0 --ports 80,udp/7007 --to 10.77.2.0/24,10.77.4.0/24,fd77:2::/64,fd77:4::/64

cat >"$WORK/conf" <<-CONF
	[loader]
	interfaces = r0
	[rule web]
	ports = 80
	[egress first]
	to = 10.77.4.1 fd77:4::1
	source = 10.77.2.11 fd77:2::11
	[egress second]
	to = 10.77.4.1
	    10.77.4.2 fd77:4::2
	device = r2
	[egress third]
	to = 10.77.4.3 fd77:4::3
	mark = 0x40
	[egress nowhere]
	to = 10.77.4.4 fd77:4::4
	device = gone0
	[egress ports]
	to = 10.77.4.5:80
	device = r2
	[egress client]
	from = 10.77.1.3
	device = r2
	[relay]
	workers = 2
CONF
do_ok "the loader accepts the file" "$LOADER" check "$WORK/conf"
ok "the relay starts" relay_start -c "$WORK/conf"
ok "the relay is registered" relay_says 'registered in'
bypass_reset

leaves "source" 10.77.4.1 10.77.2.11
leaves "source" fd77:4::1 fd77:2::11
leaves "device" 10.77.4.2 $SECOND4
leaves "device" fd77:4::2 $SECOND6
leaves "mark" 10.77.4.3 $SECOND4
leaves "mark" fd77:4::3 $SECOND6
own6=$(from fd77:4::9)
leaves "none" 10.77.4.9 $ROUTER4
leaves "none" fd77:4::9 "$own6"
is "a port: TCP 80" "$(from 10.77.4.5)" $SECOND4
is "a port: UDP 7007" "$(udp_seen 10.77.4.5)" $ROUTER4
is "another client" "$(c curl -gsS -m 8 --interface 10.77.1.3 http://10.77.4.9/whoami | cut -d' ' -f1)" $SECOND4
for to in "$CLIENT4 10.77.4.4" "$CLIENT6 fd77:4::4"; do
	read -r client address <<<"$to"
	is "a device that is not there: $address" "$(cpy probe "$address" 80)" "connected reset"
	ok "its record says why" relay_says "$(record tcp "$client" "$address" 80 '.*end=connect-failed reason=no-device')"
	is "no datagram leaves" "$(udp_seen "$address")" nothing
	ok "its record says why" relay_says "$(record udp "$client" "$address" 7007 '.*end=connect-failed reason=no-device')"
done

# ---- the device goes and comes again ----

r ip link del r2
is "without the device: reset" "$(cpy probe 10.77.4.2 80)" "connected reset"
ok "its record says why" relay_says "$(record tcp $CLIENT4 10.77.4.2 80 '.*end=connect-failed reason=no-device')"
ok "the second way is created again" second_up
is "device: 10.77.4.2 sees $SECOND4" "$(from 10.77.4.2)" $SECOND4
is "device: fd77:4::2 sees $SECOND6" "$(from fd77:4::2)" $SECOND6

# ---- SIGHUP ----

sed -i 's/^device = r2$/source = 10.77.2.11/' "$WORK/conf"
ok "SIGHUP is answered" relay_reload 'SIGHUP: lists'
is "a device becomes a source" "$(from 10.77.4.2)" 10.77.2.11
cat >>"$WORK/conf" <<<'source = 10.77.2.11'
ok "SIGHUP is answered" relay_reload 'SIGHUP: lists'
is "[relay] has another source" "$(from 10.77.4.9)" 10.77.2.11
cat >>"$WORK/conf" <<<'[egress first]'
ok "an error keeps the old sections" relay_reload 'SIGHUP: the old'
ok "and is named" relay_says '\[egress first\]: there is an egress of that name already'
is "[relay] has its source still" "$(from 10.77.4.9)" 10.77.2.11
relay_stop

# ---- full cone: one socket for all destinations of a client ----

cat >"$WORK/conf" <<-CONF
	[egress second]
	to = 10.77.4.2 10.77.4.3
	device = r2
CONF
cat >"$WORK/cone.py" <<-'PY'
	import socket, sys
	sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	sock.settimeout(1)
	for to in sys.argv[1:]:
	    try:
	        sock.sendto(b"who", (to, 7007))
	        print(sock.recv(64).decode().split()[0])
	    except OSError:
	        print("nothing")
PY
ok "a relay with a full cone starts" relay_start -c "$WORK/conf" --udp-full-cone
is "a client's flow keeps its way" "$(c python3 "$WORK/cone.py" 10.77.4.2 10.77.4.3 10.77.4.9 | xargs)" \
	"$SECOND4 $SECOND4 nothing"
ok "the record says why" relay_says "$(record udp $CLIENT4 10.77.4.9 7007 '.*end=refused reason=egress-full-cone')"
is "another port has another way" "$(c python3 "$WORK/cone.py" 10.77.4.9 10.77.4.2 | xargs)" "$ROUTER4 nothing"
relay_stop
bypass_none "no packet went past the relay"
finish
