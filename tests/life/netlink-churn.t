#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A busy router: 5 000 addresses, 2 000 routes, and addresses, routes and rules that change all
# the time. Every dump may be interrupted; no command fails, and none misses an address. CYCLES=N
# attaches and detaches N times, not 80.
TEST_LIMIT=900
. "$(dirname "$0")/../lib/test.sh"

CYCLES=${CYCLES:-80}

prepare nginx
ok "the relay starts" relay_start

addresses() { # those with numbers, and a few that come before them on their device
	local i j

	for ((i = 0; i < 16; i++)); do
		for ((j = 1; j <= 250; j++)); do
			echo "addr add 10.90.$i.$j/32 dev lo"
		done
	done
	for ((i = 1; i <= 1000; i++)); do
		printf 'addr add fd77:90::%x/128 dev lo\n' "$i"
	done
}

routes() {
	local i j

	for ((i = 0; i < 8; i++)); do
		for ((j = 1; j <= 250; j++)); do
			echo "route add 10.92.$i.$j/32 via $SERVER4"
		done
	done
}

# rules after ours, so that ours do not have to move
changes() {
	local i

	for ((i = 1; i <= 100; i++)); do
		echo "addr add 10.91.0.$i/32 dev r1"
		echo "addr add fd77:91::$i/128 dev lo nodad"
		echo "rule add pref $((200 + i)) from 10.93.0.$i lookup main"
		echo "route add 10.94.0.$i/32 via $SERVER4"
		echo "addr del 10.91.0.$i/32 dev r1"
		echo "addr del fd77:91::$i/128 dev lo"
		echo "rule del pref $((200 + i))"
		echo "route del 10.94.0.$i/32"
	done
}

CHURN=
churn() { # without end
	changes >"$WORK/changes"
	changes | sed -n 's/^rule \(.*\)from 10.93.0.\(.*\)/rule \1from fd77:93::\2/p; /^rule del/p' >"$WORK/changes6"
	(while :; do
		ip -n "$ROUTER" -force -batch "$WORK/changes"
		ip -6 -n "$ROUTER" -force -batch "$WORK/changes6"
	done) >/dev/null 2>&1 &
	CHURN=$!
	disown $CHURN
}

addresses >"$WORK/addresses"
ok "5 000 addresses" ip -n "$ROUTER" -batch "$WORK/addresses"
routes >"$WORK/routes"
ok "2 000 routes" ip -n "$ROUTER" -batch "$WORK/routes"
snapshot_quick >"$WORK/before"
churn

failed=0 said=''
for ((i = 0; i < CYCLES; i++)); do
	try loader -q attach r0 --ports 80 || { failed=$((failed + 1)) said+="$ERR"$'\n'; }
	try loader -q detach --all || { failed=$((failed + 1)) said+="$ERR"$'\n'; }
done
is "$CYCLES times attached and detached, with failures" "$failed$said" 0

do_ok "attach" loader attach r0 --ports 80
ok "flows are relayed" steering $SERVER4 $SERVER6
relay_stop
ok "a relay starts" relay_start
ok "and relays" steering $SERVER4 $SERVER6
relay_stop # it would keep the addresses up to date itself
failed=0 missing=0
for i in {1..20}; do
	try loader port add tcp/81 || failed=$((failed + 1))
	bpftool -j map dump pinned "$PINS/internal/local" |
		json_value "sum(''.join(b[2:] for b in e['key']).startswith(('00000000000000000000ffff0a5a', 'fd770090')) for e in o)" \
			>"$WORK/known"
	[[ $(<"$WORK/known") -eq 5000 ]] || missing=$((missing + 1))
	try loader port del tcp/81 || failed=$((failed + 1))
	try loader status
	[[ $RC -eq 5 ]] || failed=$((failed + 1)) # there is no relay
done
is "commands that edit and read do not fail either" $failed 0
is "no address is missed" "$missing ($(<"$WORK/known"))" "0 (5000)"

"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
watch=$!
disown $watch
ok "watch starts" wait_for 20 grep -q watching "$WORK/log/watch"
back() { ip -n "$ROUTER" rule | grep -q 'iif r0 lookup 15001'; }
for i in 1 2 3; do
	ip -n "$ROUTER" rule del table 15001
	ok "it restores a rule, $i" wait_for 20 back
done
is "and warns of nothing" "$(grep -Ec 'cannot|works again' "$WORK/log/watch")" 0
stop $watch
do_ok "detach" loader detach --all

stop $CHURN
ip -n "$ROUTER" -force -batch <(grep ' del ' "$WORK/changes") 2>/dev/null
ip -6 -n "$ROUTER" -force -batch <(grep ' del ' "$WORK/changes6") 2>/dev/null
unchanged_quick() { [[ "$(snapshot_quick)" == "$(<"$WORK/before")" ]]; }
wait_for 10 unchanged_quick
snapshot_quick >"$WORK/after"
same_text "nothing is left" "$WORK/before" "$WORK/after"
finish
