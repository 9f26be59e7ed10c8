#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# apply --confirm-within: the old policy returns by itself, whichever processes were killed
# before; with confirm the new one stays.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
cat >"$WORK/old.conf" <<-'CONF'
	[loader]
	interfaces = r0
	[rule web]
	ports = 80
CONF
cat >"$WORK/new.conf" <<-'CONF'
	[rule way-out]
	ports = 80
	from = 10.77.1.0/24
	action = pass
	[rule web]
	ports = 80
CONF
ok "the relay starts" relay_start
do_ok "the old policy" loader apply "$WORK/old.conf"
ok "relays" steering $SERVER4 $SERVER6

guards() { pgrep -x tproxy-guard; }
no_guard() { ! guards; }
is_old() { [[ $(seen "$SERVER4") == relay ]] && loader diff "$WORK/old.conf"; }
left() { loader -j status | json_value "o.get('confirm_within_seconds', 'none')"; }

do_ok "the new policy for 60 s" loader apply "$WORK/new.conf" --confirm-within 60s
like "reports that it waits" "$ERR" 'unless confirmed'
is "is live" "$(seen $SERVER4) $(seen $SERVER6)" "direct relay"
like "status shows how long" "$(left)" '^[1-6][0-9]?$'
refuses "another apply has to wait" 1 'waits to be confirmed' loader apply "$WORK/old.conf"
refuses "a change that renumbers the rules does too" 1 'waits to be confirmed' \
	loader rule add first --before web --action pass
do_ok "an edit in place has not" loader cidr add --rule way-out 192.0.2.0/24
do_ok "confirm" loader confirm
is "nothing waits any more" "$(left)" none
ok "the process that waited ends" wait_for 10 no_guard
is "the new policy stays" "$(seen $SERVER4)" direct
do_ok "confirm again" loader confirm
like "has nothing to do" "$ERR" 'no policy waits'

do_ok "back to the old policy" loader apply "$WORK/old.conf"
do_ok "the new one for 60 s" loader apply "$WORK/new.conf" --confirm-within 60s
do_ok "rollback ends it at once" loader rollback
ok "the old policy is back" is_old
is "nothing waits any more" "$(left)" none
ok "the process that waited ends" wait_for 10 no_guard

do_ok "the new one for 1 s" loader apply "$WORK/new.conf" --confirm-within 1s
ok "without confirm the old one comes back" wait_for 20 is_old
refuses "confirm is too late" 1 'too late' loader confirm
do_ok "rollback does not go to the refused one" loader rollback
ok "the old policy is live" is_old
do_ok "and its counters exist" loader rule list

# a shell in a session of its own, as ssh makes it; killed with all it started but what has left
start=$SECONDS
setsid bash -c "'$LOADER' -n '$ROUTER' apply '$WORK/new.conf' --confirm-within 3s
	touch '$WORK/applied'; exec sleep 100" >"$WORK/log/session" 2>&1 </dev/null &
session=$!
disown $session
ok "in a session of its own it is applied" wait_for 20 test -e "$WORK/applied"
is "and live" "$(seen $SERVER4)" direct
kill -KILL -- -$session
kill -HUP "$(guards)" && kill -TERM "$(guards)"
ok "the session is killed" wait_for 5 process_gone $session
ok "the old policy comes back" wait_for 20 is_old
echo "# $((SECONDS - start)) s after the start of an apply for 3 s"

# with the process that waits killed, the next command that writes keeps the promise
do_ok "once more for 2 s" loader apply "$WORK/new.conf" --confirm-within 2s
kill -KILL "$(guards)"
ok "after a kill it is gone" wait_for 5 no_guard
overdue() { [[ $(left) == 0 ]]; }
ok "the time is over" wait_for 20 overdue
is "and no process has gone back" "$(seen $SERVER4)" direct
do_ok "an edit" loader cidr add --rule web 192.0.2.0/24
like "goes back first" "$ERR" 'not confirmed in time'
is "the old policy is live" "$(seen $SERVER4)" relay
do_ok "the old file" loader apply "$WORK/old.conf"
do_ok "once more for 2 s, with watch running" loader apply "$WORK/new.conf" --confirm-within 2s
kill -KILL "$(guards)"
nsenter --net="/run/netns/$ROUTER" -- "$LOADER" --pin-dir "$PINS" watch >"$WORK/log/watch" 2>&1 &
watch=$!
disown $watch
ok "watch keeps the promise" wait_for 20 is_old
stop $watch

# kill -9 of the loader itself at every bpf(): the old policy is back when the time is over
bad=0 killed=0 flipped=0
strace -qq -o "$WORK/calls" -e trace=bpf "$LOADER" -n "$ROUTER" -q apply "$WORK/new.conf" --confirm-within 500ms
ok "the old policy comes back" wait_for 20 is_old
calls=$(grep -c '^bpf' "$WORK/calls")
for n in $(seq 2 $((calls / 16)) "$calls"); do
	{ strace -qq -o /dev/null -e trace=bpf -e inject=bpf:signal=KILL:when="$n" "$LOADER" -n "$ROUTER" \
		-q apply "$WORK/new.conf" --confirm-within 500ms; } >>"$WORK/log/killed" 2>&1
	[[ $? -ne 137 ]] || ((killed++))
	[[ $(seen $SERVER4) == relay ]] || ((flipped++))
	wait_for 20 is_old || ((bad++))
	loader -q rule add "x$n" --before web --from 192.0.2.0/24 --action drop >>"$WORK/log/killed" 2>&1 ||
		((bad++))
	loader -q apply "$WORK/old.conf" >>"$WORK/log/killed" 2>&1 || ((bad++))
done
ok "the loader was killed at $killed points of $calls" test $killed -ge 5
echo "# at $flipped of them the new policy was seen live"
is "the old policy came back each time, and could be edited" $bad 0
refuses "without the right to go back nothing is applied" 1 'CAP_SYS_ADMIN' \
	r setpriv --bounding-set=-all,+bpf,+net_admin,+perfmon --inh-caps=-all,+bpf,+net_admin,+perfmon \
	"$LOADER" --pin-dir "$PINS" apply "$WORK/new.conf" --confirm-within 60s
ok "the old policy is live" is_old
refuses "an invalid time" 2 'not a time' loader apply "$WORK/new.conf" --confirm-within soon
do_ok "detach" loader detach --all
ok "no process waits for a policy that is gone" wait_for 10 no_guard
ok "nothing is left" test ! -e "$PINS"
finish
