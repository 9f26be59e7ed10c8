#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# --on-proxy-down reset without a relay, and a rule with --action reset: TCP and UDP are refused at once, with correct checksums
# for every combination of offloads, also on a device without Ethernet headers.
. "$(dirname "$0")/../lib/test.sh"

prepare
if ! command -v ethtool >/dev/null; then
	skip_inside "ethtool is not installed"
fi

refused() { corner refused c0 "$@"; }

offload() { # NS IF on|off
	nsenter --net="/run/netns/$1" -- ethtool -K "$2" tx "$3" >"$WORK/ethtool" 2>&1
}

check() { # NAME CHECKSUM-OF-TCP
	local to before

	for to in $SERVER4 $SERVER6; do
		before=$(counter down_reset)
		like "$1: TCP to $to" "$(refused "$to" 80 tcp)" "^ECONNREFUSED quick $2$"
		is "$1: UDP to $to" "$(refused "$to" 53 udp)" "ECONNREFUSED quick good"
		like "$1: the counter down_reset increases" "$(($(counter down_reset) - before >= 2))" 1
	done
}

matrix() { # NAME
	local sender receiver

	for sender in on off; do
		for receiver in on off; do
			offload "$CLIENT" c0 $sender
			offload "$ROUTER" r0 $receiver
			if [[ $sender$receiver == onon ]]; then
				# a veth pair never computes what nobody asks for
				check "$1, offload on" "(good|left-to-device)"
			else
				check "$1, offload $sender at the client, $receiver at the router" good
			fi
		done
	done
}

do_ok "attach" loader attach r0 --ports 80,udp/53 --on-proxy-down reset
matrix tcx
do_ok "attach by clsact" loader attach r0 --hook clsact
matrix clsact
bypass_none "nothing is forwarded"

r ip tuntap add mode tun name t0
r ip addr add 10.77.5.1/24 dev t0
r ip addr add fd77:5::1/64 dev t0 nodad
r ip link set t0 up
do_ok "attach a tun device" loader attach t0
do_ok "TCP port 53 too" loader port add tcp/53
before=$(counter down_reset)
is "IPv4 from a tun device" \
	"$(r python3 "$LIB/corner.py" tun-refused t0 10.77.5.2 $SERVER4 53 | tr '\n' ' ')" "tcp good udp good "
is "IPv6 from a tun device" \
	"$(r python3 "$LIB/corner.py" tun-refused t0 fd77:5::2 $SERVER6 53 | tr '\n' ' ')" "tcp good udp good "
is "the counter down_reset increases" "$(($(counter down_reset) - before >= 4))" 1

# A rule that resets needs no proxy and asks none.
down=$(counter down_reset)
do_ok "a reset rule" loader rule add closed --before default --action reset \
	--to "$SERVER4,$SERVER6" --ports 80,udp/53
for to in $SERVER4 $SERVER6; do
	before=$(counter rule_reset)
	like "rule: TCP to $to" "$(refused "$to" 80 tcp)" "^ECONNREFUSED quick (good|left-to-device)$"
	is "rule: UDP to $to" "$(refused "$to" 53 udp)" "ECONNREFUSED quick good"
	is "rule: the counter rule_reset increases" "$(($(counter rule_reset) - before >= 2))" 1
done
is "the proxy was not asked" "$(counter down_reset)" "$down"
like "rule list shows it" "$(loader rule list)" "closed:.*: reset "
is "test says that it is refused" \
	"$(loader -j test tcp $CLIENT4 $SERVER4:80 |
		python3 -c 'import json, sys; t = json.load(sys.stdin); print(t["verdict"], t["rule"])')" \
	"reset closed"
loader save >"$WORK/saved.conf"
like "save writes it" "$(sed -n '/rule closed/,/^$/p' "$WORK/saved.conf")" "action *= reset"
do_ok "and check reads it back" loader check "$WORK/saved.conf"
do_ok "nothing differs" loader diff "$WORK/saved.conf"
bypass_none "nothing was forwarded"
finish
