#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A running OpenVPN session continues when its port gets a rule, because its server takes
# datagrams from the address of the client only. So does a flow that leaves a tunnel device
# without a link-layer header.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/talk.sh"

command -v openvpn >/dev/null || skip_inside "openvpn is not installed"
[[ -c /dev/net/tun ]] || skip_inside "there is no /dev/net/tun"

# vpn NS DEVICE PORT OWN PEER INNER OUTER — one end of a tunnel with a static key, no --float
vpn() {
	serve_run "openvpn-$1-$2" "$1" openvpn --dev "$2" --dev-type tun --proto udp --port "$3" \
		--local "$4" --remote "$5" --ifconfig "$6" "$7" --secret "$WORK/key" \
		--cipher AES-256-CBC --ping 1
}
pings() { c ping -n -c "$1" -i 0.1 -W 2 "${2-10.88.0.2}" | sed -n 's/.* \([0-9]*\) received.*/\1/p'; }
answers_ping() { [[ $(pings 1 "$@") == 1 ]]; }

prepare
openvpn --genkey secret "$WORK/key"
vpn "$SERVER" vpn0 1194 $SERVER4 $CLIENT4 10.88.0.2 10.88.0.1
vpn "$CLIENT" vpn0 1194 $CLIENT4 $SERVER4 10.88.0.1 10.88.0.2
ok "the tunnel is up" wait_for 30 answers_ping
ok "the relay starts" relay_start

LEARN=yes do_ok "attach while it runs" loader attach r0 --ports udp/1194
is "ten of ten pings through the tunnel are answered" "$(pings 10)" 10
ok "its datagrams are counted as older" test "$(counter older)" -ge 10
LEARN=yes do_ok "attach again, with one more port" loader attach r0 --ports udp/1195
is "ten of ten are still answered" "$(pings 10)" 10
do_ok "detach" loader detach --all
is "and after detach" "$(pings 10)" 10

do_ok "attach without learning" loader attach r0 --ports udp/1194 --learn 0
is "ends the session: none is answered" "$(pings 5)" 0
do_ok "detach" loader detach --all

vpn "$ROUTER" vpn1 1196 $GATE4 $CLIENT4 10.88.1.2 10.88.1.1
vpn "$CLIENT" vpn1 1196 $CLIENT4 $GATE4 10.88.1.1 10.88.1.2
serve_greet 7001
ok "a tunnel to the router is up" wait_for 30 answers_ping 10.88.1.2
ip -n "$CLIENT" route add $SERVER4 dev vpn1
ok "a flow through it runs" talk_start inner $SERVER4 7001
LEARN=yes do_ok "attach to the tunnel" loader attach vpn1 --ports udp/7001
goes_on "the flow in the tunnel" inner 10.88.1.1
is "a new one is relayed" "$(cpy udp-who $SERVER4 7001)" "$ROUTER4 other-port"
finish
