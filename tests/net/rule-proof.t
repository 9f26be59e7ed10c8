#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# If a routing rule before ours may match packets with our mark, attach moves ours before it,
# whatever it matches by, and back when it is gone. watch does so within a second, and reports a
# program that moves its rule before ours again and again.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns
ok "the relay starts" relay_start
snapshot_quick >"$WORK/before"

# our_pref 4|6 — where ours is
our_pref() { r ip "-$1" rule | sed -n 's/^\([0-9]*\):.* iif r0 lookup 15001 proto 116$/\1/p' | xargs; }

# what it matches by; PREFIX is one of the family, T a table that has its own way
before_ours=(
	'from all lookup T' 'from PREFIX lookup T' 'to PREFIX lookup T' 'not from PREFIX lookup T'
	'fwmark 0x1000000/0x1000000 lookup T' 'fwmark 0x80000/0xff0000 lookup T'
	'not fwmark 51820 lookup T' 'not fwmark 0x2000000/0x2000000 lookup T'
	'iif r0 lookup T' 'not iif r1 lookup T' 'not oif r1 lookup T'
	'tos 0x10 lookup T' 'ipproto tcp lookup T' 'not ipproto gre lookup T'
	'ipproto udp dport 53 lookup T' 'sport 1024-65535 lookup T'
	'uidrange 0-99999 lookup T' 'not uidrange 1000-2000 lookup T' 'tun_id 7 lookup T'
	'lookup main suppress_prefixlength 0' 'lookup main suppress_ifgroup 5'
	'from all goto 32766' 'from all blackhole' 'from PREFIX unreachable' 'iif r0 prohibit'
)
harmless=(
	'iif r1 lookup T' 'oif r0 lookup T' 'fwmark 51820 lookup T' 'fwmark 0/0x1000000 lookup T'
	'not fwmark 0x1000000/0x1000000 lookup T' 'ipproto gre lookup T'
	'uidrange 1000-2000 lookup T' 'lookup local' 'lookup 15001' 'from all nop'
	'from all goto 140' 'not from all lookup T'
)

declare -A prefix=([4]=10.77.0.0/16 [6]=fd77::/32)

# place FAMILY RULE WANTED — ours is there once attach has seen the rule, and back when it has gone
place() {
	local version=$1 spec=$2 other=$((10 - $1)) placed

	spec=${spec//PREFIX/${prefix[$version]}} spec=${spec//T/777}
	# shellcheck disable=SC2086 # words of ip
	r ip "-$version" rule add pref 100 $spec 2>"$WORK/refused" || {
		tap_result 0 "IPv$version: $spec # SKIP $(<"$WORK/refused")"
		return
	}
	placed="$(loader -q attach r0 2>&1)$(our_pref "$version") $(our_pref $other)"
	r ip "-$version" rule del pref 100
	placed+=" $(loader -q attach r0 2>&1)$(our_pref "$version") $(our_pref $other)"
	is "IPv$version: $spec" "$placed" "$3 150 150 150"
}

do_ok "attach" loader attach r0 --ports 80,udp/53
for family in 4 6; do
	r ip -$family rule add pref 140 iif r1 lookup 777 # where a goto leads
	for spec in "${before_ours[@]}"; do
		place $family "$spec" 99
	done
	for spec in "${harmless[@]}"; do
		place $family "$spec" 150
	done
	r ip -$family rule del pref 140
done
is "and the preference is shown" "$(r ip -4 rule add pref 100 lookup main; loader attach r0 2>&1)" \
	"[#] ip -4 rule add pref 99 iif r0 fwmark 0x1000000/0x1000000 lookup 15001 protocol 116
[#] ip -4 rule del pref 150 iif r0 fwmark 0x1000000/0x1000000 lookup 15001 protocol 116"

# --- with rules that decide about everything, flows are relayed ---
r ip -6 rule add pref 100 lookup main
r ip -4 rule add pref 99 from $CLIENT4 lookup main # the same as ours: it was there later
do_ok "attach with both families taken" loader attach r0
is "ours are first" "$(our_pref 4) $(our_pref 6)" "98 99"
bypass_reset
ok "TCP is relayed" steering $SERVER4 $SERVER6
is "UDP is" "$(dig_at $SERVER4 test.tproxy A) $(dig_at $SERVER6 test.tproxy A)" "10.77.2.200 10.77.2.200"
bypass_none "no packet went past the relay"
do_ok "detach removes ours, wherever" loader detach --all
for family in 4 6; do
	r ip -$family rule del pref 100
done
r ip -4 rule del pref 99
snapshot_quick >"$WORK/now"
same_text "nothing is left" "$WORK/before" "$WORK/now"

# --- no room ---
r ip rule add pref 1 lookup main
do_ok "0 is left" loader attach r0 --ports 80
is "and taken" "$(our_pref 4)" 0
r ip rule del pref 1
do_ok "attach again" loader attach r0
is "the usual place again" "$(our_pref 4)" 150
for family in 4 6; do
	r ip -$family rule add pref 0 ipproto gre lookup 778
	r ip -$family rule add pref 0 lookup 777
	refuses "IPv$family: no room before one that takes all" 1 \
		"r0: marked IPv$family packets would not be delivered here: the rule \"0: from all lookup 777\"" \
		loader attach r0
	r ip -$family rule del pref 0 table 777
	do_ok "IPv$family: attach when it is gone" loader attach r0
	is "IPv$family: the usual place" "$(our_pref $family)" 150
	r ip -$family rule add pref 0 to "${prefix[$family]}" lookup main
	do_ok "IPv$family: no room before one that takes some" loader attach r0
	like "IPv$family: it is reported" "$ERR" \
		"warning: r0: the IPv$family rule \"0: from all to ${prefix[$family]} lookup main\" decides about some"
	r ip -$family rule del pref 0 table 778
	r ip -$family rule del pref 0 table 254
	do_ok "IPv$family: attach when they are gone" loader attach r0
	is "IPv$family: the usual place" "$(our_pref $family)" 150
done

# --- watch ---
"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
watch=$!
disown $watch
ok "watch starts" wait_for 10 grep -q watching "$WORK/log/watch"
is_at() { [[ $(our_pref "$1") == "$2" ]]; }
is_somewhere() { [[ -n $(our_pref 4) ]]; }
# tables 4|6 — where rules lead to, in their order
tables() { r ip "-$1" rule | sed -n 's/.* lookup \([a-z0-9]*\).*/\1/p' | xargs; }
leads() { [[ $(tables "$1") == "$2"* ]]; }
for family in 4 6; do
	r ip -$family rule add not fwmark 51820 lookup 51820
	r ip -$family rule add lookup main suppress_prefixlength 0
	ok "IPv$family: it moves before wg-quick's two, within a second" wait_for 2 leads $family "local 15001 main 51820 main"
	ok "IPv$family: the message names it" wait_for 2 grep -q '^tproxy-loader: r0: repaired: rule order$' "$WORK/log/watch"
done
ok "flows are relayed" steering $SERVER4 $SERVER6
for family in 4 6; do
	r ip -$family rule del table 51820
	r ip -$family rule del table main suppress_prefixlength 0
done
ok "and it goes back when they have been gone for a while" wait_for 20 is_at 4 150
ok "IPv6, too" wait_for 20 is_at 6 150

# somebody who cannot bear a rule before his: as long as ours is there he adds another one
fight() {
	local pref

	while :; do
		pref=$(our_pref 4 | cut -d' ' -f1)
		[[ -z $(r ip rule | sed -n "/^$((pref - 1)):/p") ]] && r ip rule add pref $((pref - 1)) from all to 10.77.0.0/16 lookup main
		sleep 0.1
	done
}
fight 2>/dev/null &
fighter=$!
disown $fighter
again='warning: r0: not all its flows arrive: the rule "[0-9]*: from all to 10.77.0.0/16 lookup main" is moved before ours again and again'
ok "watch gives up against a program that does not" wait_for 60 grep -q "$again" "$WORK/log/watch"
stop $fighter
kept=$(our_pref 4)
moves() { grep -c 'repaired: rule order' "$WORK/log/watch"; }
before=$(moves)
r ip rule add pref $((kept - 2)) lookup main
do_ok "a missing rule is still restored" r ip rule del table 15001
ok "soon" wait_for 5 is_somewhere
is "ours is not moved for now" "$(moves)" "$before"
is "this is reported once" "$(grep -c "$again" "$WORK/log/watch")" 1
fought_out() {
	r ip rule del table main to 10.77.0.0/16 2>/dev/null
	[[ $(r ip rule) != *10.77.0.0/16* ]]
}
ok "all of them are removed" wait_for 10 fought_out
r ip rule del pref $((kept - 2))
ok "it reports the end of it" wait_for 30 grep -q 'r0: our routing rule stays first now' "$WORK/log/watch"
ok "our rule moves back" wait_for 20 is_at 4 150
ok "flows are relayed" steering $SERVER4 $SERVER6
stop $watch
do_ok "detach" loader detach --all
snapshot_quick >"$WORK/now"
same_text "nothing is left" "$WORK/before" "$WORK/now"
finish
