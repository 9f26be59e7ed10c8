#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# doctor --fix mends what is ours: programs, rules, routes, the look-up link, leftovers, and the
# sysctls that a cure names. It asks, and it leaves what belongs to others.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=../lib/doctor.sh
. "$LIB/doctor.sh"

prepare nginx dns
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/53
ok "flows go through the relay" steering $SERVER4 $SERVER6
healthy "at first"
index=$(r ip -o link show r0 | cut -d: -f1)

# monitors see repairs
"$LOADER" -n "$ROUTER" monitor -j >"$WORK/events" 2>>"$WORK/log/monitor" </dev/null &
monitor=$!
disown "$monitor"
ok "a monitor starts" wait_for 20 grep -q start "$WORK/events"
HEARD=$(head -n 1 "$WORK/events" | json_value "o['heard']")
# sees WHAT [IF] — the monitor says so, of this interface or of none, if it hears events
sees() {
	[[ $HEARD == True ]] || return 0
	ok "$FAULT_ID: a monitor sees the repair: $1" wait_for 20 python3 -c '
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
assert any(e["event"] == "repaired" and e["what"] == sys.argv[2] and e.get("interface", "") == sys.argv[3] for e in events)' \
		"$WORK/events" "$1" "${2-}"
}

# fixed — doctor --fix mends the latest fault: exit code, and nothing is left
fixed() {
	do_ok "$FAULT_ID: --fix -y" loader doctor --fix -y
	like "$FAULT_ID: it shows its steps" "$ERR" '(^|'$'\n'')\[#\] '
	like "$FAULT_ID: and checks again" "$(grep -c ' checks: ' <<<"$OUT") $(tail -n 1 <<<"$OUT")" "^2 .* 0 errors, 0 warnings"
	healthy "$FAULT_ID: after --fix"
}

fault rule-missing r ip -4 rule del pref 150
fixed
sees routing r0
fault rule-missing r ip -6 rule del pref 150
cure
fault route-missing r ip route flush table 15001
fixed
fault route-missing r ip -6 route flush table 15001
cure
fault earlier-rule r ip rule add pref 100 lookup main
fixed
r ip rule del pref 100
ok "the rule of another is gone" loader attach r0

program_gone() {
	if [[ -e $PINS/links/$index ]]; then
		rm "$PINS/links/$index"
	else
		r tc qdisc del dev r0 clsact
	fi
}
fault program-missing program_gone
fixed
sees program r0
fault program-missing program_gone
cure
egress_gone() {
	rm -f "$PINS"/links/*_egress
	r tc filter del dev r0 egress 2>/dev/null
	wait_for 10 doctor_finds egress-missing
}
do_ok "a rule that watches" loader rule add watched --ports 8081 --action audit
healthy "with it"
fault egress-missing egress_gone
fixed
fault egress-missing egress_gone
cure
do_ok "without that rule" loader rule del watched
fault lookup-missing rm "$PINS/links/lookup"
fixed
sees sk_lookup
fault leftovers r ip rule add pref 140 iif r1 fwmark 0x2000000/0x2000000 lookup 15077 protocol 116
fixed
sees leftovers
FAULT_ALSO=rule-missing # the rules name the old name
fault renamed eval "r ip link set r0 down && r ip link set r0 name q0 && r ip link set q0 up"
FAULT_ALSO=
fixed
do_ok "forget the new name" loader detach --all
ok "back to the old one" eval "r ip link set q0 down && r ip link set q0 name r0 && r ip link set r0 up"
ok "its routes are back" eval "r ip -6 address replace fd77:1::1/64 dev r0 nodad"
do_ok "attach" loader attach r0 --ports 80,udp/53
ok "flows go through the relay" steering $SERVER4 $SERVER6
index=$(r ip -o link show r0 | cut -d: -f1)
healthy "with the old name"
ok "another interface" ip -n "$ROUTER" link add r2 type veth peer name c2 netns "$CLIENT"
ok "is attached" loader attach r2
fault device-gone r ip link del r2
fixed
fault state-broken rm "$PINS/counters"
try loader doctor --fix -y
is "state-broken: --fix removes the rest" "$RC $(tail -n 1 <<<"$OUT" | grep -o '[0-9]* errors, [0-9]* warnings')" "3 0 errors, 0 warnings"
do_ok "attach again" loader attach r0 --ports 80,udp/53
ok "flows go through the relay" steering $SERVER4 $SERVER6
healthy "after that"

# ---- a setting of the host ----

many() {
	for _ in {1..20}; do
		via_relay "$SERVER4" || return 1
	done
}
# the client's answers leave by r1, and the filter is strict
asymmetric() {
	r sysctl -qw net.ipv4.conf.r0.rp_filter=1 && r ip route add 10.77.1.2/32 via 10.77.2.2 dev r1 &&
		c curl -s -m 2 "http://$SERVER4/whoami"
	wait_for 10 doctor_finds rp-filter
}
fault rp-filter asymmetric
try loader doctor --fix -y
like "--fix sets it: no error is left" "$(tail -n 4 <<<"$OUT")" " 0 errors"
like "it says how to keep it" "$ERR" "net/ipv4/conf/r0/rp_filter = 2.* in a file of /etc/sysctl.d"
is "it is set" "$(r sysctl -n net.ipv4.conf.r0.rp_filter)" 2
sees "sysctl rp_filter" r0
r ip route del 10.77.1.2/32
r sysctl -qw net.ipv4.conf.r0.rp_filter=0
# the flows of the last minute that failed are a warning until then
ok "flows go through the relay" steering $SERVER4
ok "many of them" many
healthy "without the route"

# a cure with several numbers, and one with several settings
small_range() { r sysctl -qw net.ipv4.ip_local_port_range="20000 21000"; }
fault port-range-small small_range
fixed
is "both numbers are set" "$(r sysctl -n net.ipv4.ip_local_port_range | xargs)" "16384 60999"
sees "sysctl ip_local_port_range"
one_arm() {
	r ip route add 10.77.9.0/24 via "$CLIENT4" dev r0 && r sysctl -qw net.ipv4.conf.all.send_redirects=1 \
		net.ipv4.conf.r0.send_redirects=1 && loader rule add arm --ports 8080 --to 10.77.9.0/24
}
fault icmp-redirects one_arm
fixed
is "both settings are" "$(r sysctl -n net.ipv4.conf.all.send_redirects net.ipv4.conf.r0.send_redirects | xargs)" "0 0"
sees "sysctl send_redirects" r0
do_ok "without that rule" loader rule del arm
r ip route del 10.77.9.0/24
stop "$monitor"

# ---- asking ----

refuses "without a terminal it asks nobody" 2 'no terminal .-y' loader doctor --fix
refuses "-y alone" 2 '-y belongs to --fix' loader doctor -y
asked() { # ANSWER — doctor --fix on a terminal
	python3 "$LIB/terminal.py" "$1" "$LOADER" -n "$ROUTER" doctor --fix
}
ok "a fault" r ip -4 rule del pref 150
try asked n
like "it lists the problem and asks" "$OUT" "IPv4 routing rule is missing.*repair what is attached.*\[y/N\]"
is "after a no nothing changed" "$(r ip -4 rule | grep -c '15001')" 0
try asked y
is "after a yes it is mended" "$(r ip -4 rule | grep -c '15001')" 1
healthy "after a yes"

# ---- what is not ours ----

r nft 'add table inet closed; add chain inet closed in { type filter hook input priority 0; policy drop; };
	add rule inet closed in ct state established accept'
fault input-filter true
r nft list ruleset >"$WORK/rules"
try loader doctor --fix -y
is "a filter of another stays: exit code" "$RC" 5
like "its cure is printed" "$ERR" "not ours to mend: .*nft "
r nft list ruleset >"$WORK/rules-after"
same_text "no rule changed" "$WORK/rules" "$WORK/rules-after"
unlike "no step was taken" "$ERR" '\[#\]'
cure r nft delete table inet closed

do_ok "nothing to mend" loader doctor --fix -y
unlike "takes no step" "$ERR" '\[#\]'
ok "a fault" r ip -4 rule del pref 150
do_ok "as JSON" loader --json doctor --fix -y
ok "there is one object, of the last run" valid_json doctor "$WORK/out"
do_ok "as JSON without a fault" loader --json doctor --fix -y
ok "the same" valid_json doctor "$WORK/out"
finish
