#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Two policies are applied in turn under as many new connections as the machine can make. Each
# connection meets one of the two policies, never a mixture. FULL=1: a thousand times.
TEST_LIMIT=$([[ -n ${FULL-} ]] && echo 1200 || echo 300)
. "$(dirname "$0")/../lib/test.sh"

ROUNDS=$([[ -n ${FULL-} ]] && echo 1000 || echo 60)
RATE=$TOP/build/tests/helpers/connrate

prepare
bait='[rule bait]
interface = r1
to = 192.0.2.0/24
from = 192.0.2.0/24
ports = 9999
proxy = 9003'
# Each table differs in the other policy, so that any mixture of the two ends at X or D.
cat >"$WORK/a.conf" <<-CONF
	[loader]
	interfaces = r0
	$bait
	[rule good]
	to = 10.77.2.0/24
	from = 10.77.1.0/24
	ports = 7007
	proxy = 9001
CONF
cat >"$WORK/b.conf" <<-CONF
	[loader]
	interfaces = r0
	[rule good]
	to = 10.77.2.0/24
	from = 10.77.1.0/24
	ports = 7007
	proxy = 9002
	$bait
CONF
serve_run proxy-a "$ROUTER" "$RATE" serve 9001 A
serve_run proxy-b "$ROUTER" "$RATE" serve 9002 B
serve_run proxy-x "$ROUTER" "$RATE" serve 9003 X
serve_run direct "$SERVER" "$RATE" serve 7007 D
for port in 9001 9002 9003; do
	ok "a proxy listens on $port" wait_for 10 listening "$ROUTER" tcp $port
done
ok "the server listens" wait_for 10 listening "$SERVER" tcp 7007
do_ok "apply" loader apply "$WORK/a.conf"

nsenter --net="/run/netns/$CLIENT" -- "$RATE" run $SERVER4 7007 >"$WORK/counts" 2>"$WORK/log/client" &
client=$!
# and somebody who looks all the while
loader save >"$WORK/save-a"
loader -q apply "$WORK/b.conf"
loader save >"$WORK/save-b"
look() {
	local looks=0 others=0 text
	while [[ ! -e $WORK/done ]]; do
		text=$(loader save 2>&1)
		[[ $text == "$(<"$WORK/save-a")" || $text == "$(<"$WORK/save-b")" ]] || {
			((others++))
			echo "$text" >>"$WORK/log/look"
		}
		((looks++))
	done
	echo "$looks $others" >"$WORK/looks"
}
look &
looker=$!
start=$(date +%s%N)
bad=0
for ((i = 0; i < ROUNDS; i++)); do
	loader -q apply "$WORK/b.conf" || ((bad++))
	loader -q apply "$WORK/a.conf" || ((bad++))
done 2>>"$WORK/log/apply"
took=$((($(date +%s%N) - start) / 1000000))
is "$((2 * ROUNDS)) applies" $bad 0
touch "$WORK/done"
wait $looker
read -r looks others <"$WORK/looks"
is "who looked ($looks times) saw one policy or the other, too" "$others" 0
kill -TERM $client
wait $client
counts=$(<"$WORK/counts")
echo "# $counts in $took ms: $((${counts%% *} * 1000 / took)) connections/s, $((took / 2 / ROUNDS)) ms an apply"
like "connections met both policies" "$counts" ' A=[0-9]+ B=[0-9]+'
unlike "none met a mixture, none bypassed the relay" "$counts" ' [DX]='
like "none failed" "$counts" 'failed=0 '
do_ok "no difference in the end" loader diff "$WORK/a.conf"
do_ok "detach" loader detach --all
finish
