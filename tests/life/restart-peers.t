#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Who may take the listeners, and from whom they are taken: root of the same namespaces only. Others
# who ask, who say nothing, who knock all the time or who sit where a relay is expected get nothing
# and stop nobody; a start that fails leaves the old relay alone.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/handover.sh
. "$TOP/tests/lib/handover.sh"

ASKER=$LIB/handover.py
nobody() { r setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
sit() { # [WHAT]
	nsenter --net="/run/netns/$ROUTER" -- python3 "$ASKER" sit "$(handover_path)" "$@" >"$WORK/sits" 2>&1 &
	SITS=$!
	disown "$SITS"
	wait_for 10 grep -q there "$WORK/sits"
}
refused() { # DESCRIPTION ERE RELAY-OPTION…
	local what=$1 pattern=$2 said
	shift 2

	said=$("$RELAY" -n "$ROUTER" "$@" 2>&1 </dev/null)
	is "$what: exit status" $? 1
	like "$what: one line gives the reason" "$said" "^tproxy-relay: $pattern\$"
}

prepare nginx
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6

status_of() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$RELAY_PID/task/"*/status | sort -u; }
is "all threads: no new privileges" "$(status_of NoNewPrivs)" 1
is "all threads: system calls are filtered" "$(status_of Seccomp)" 2
is "all threads: the user id of nobody" "$(status_of Uid | tr -s '\t' ' ')" "65534 65534 65534 65534"
is "all threads: no capability but those for foreign addresses and low ports" \
	"$((0x$(status_of CapPrm) & ~((1 << 13) | (1 << 10))))" 0

# --- who gets the listeners ---
socket_of() { stat -c '%a %U %F' "$(handover_path)"; }
is "the hand-over socket is for root alone" "$(socket_of)" "600 root socket"
is "nothing has an abstract name" "$(r ss -Hxla | grep -c '@.*tproxy')" 0
like "another user cannot ask" "$(nobody /usr/bin/python3 - ask "$(handover_path)" hello get <"$ASKER")" 'Permission denied'

# the connection is made by root, so that only the peer's namespaces are left to tell
is "root of a container with our network gets nothing" \
	"$(in_container python3 "$ASKER" ask "$(handover_path)" hello get get)" $'refused mnt 0\nend'
ok "the log says so" relay_says 'warn hand-over: refused: process [0-9]+ asked, but it is in another mount namespace'
is "root of another network namespace gets nothing" \
	"$(c python3 "$ASKER" ask "$(handover_path)" hello get get)" $'refused net 0\nend'
ok "the log says so" relay_says 'warn hand-over: refused: process [0-9]+ asked, but it is in another network namespace'
is "without descriptors of namespaces" "$(ask hello=nothing get get)" $'refused version 0\nend'
is "with other files instead" "$(ask hello=files get get)" $'refused mnt 0\nend'
is "with one namespace instead of the other" "$(ask hello=mnt get get)" $'refused net 0\nend'
is "another version of the protocol" "$(ask hello=old get get)" $'refused version 0\nend'
is "noise" "$(ask noise get get)" $'refused version 0\nend'
is "only three refusals a minute are logged" "$(grep -c 'hand-over: refused' "$RELAY_LOG")" 3
ok "flows are served" via_relay $SERVER4
like "the namespaces of the helper process cannot be had without capabilities" \
	"$(r setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --no-new-privs \
		readlink "/proc/$(pgrep -x tproxy-registr)/ns/mnt" 2>&1; echo "$?")" '^1$'

like "root gets them" "$(ask hello get)" '^offer [1-9][0-9]*$'
ok "but takes nothing over" relay_says 'warn hand-over: the other relay is gone, continuing'
ok "flows are served" via_relay $SERVER4

# --- those who die or hang at a step; meanwhile clients are served, later if not at once ---
gone() { grep -c 'the other relay is .*, continuing' "$RELAY_LOG"; }
gone_more() { [[ $(gone) -gt $1 ]]; }
for steps in "hello" "hello get ready" "hello get done" "hello get ready ready" "hello get ready get"; do
	before=$(gone)
	# shellcheck disable=SC2086
	ask $steps >/dev/null
	ok "after \"$steps\" it dies: the relay notices" wait_for 10 gone_more "$before"
	ok "and serves" via_relay $SERVER6
done
before=$(gone)
r python3 "$ASKER" ask "$(handover_path)" hello get ready get get get >"$WORK/late" &
ok "it never finishes: the relay notices" wait_for 15 gone_more "$before"
ok "and serves" via_relay $SERVER4
wait $!
like "the other one hears that it was late" "$(<"$WORK/late")" $'^offer [0-9]+\npaused [0-9]\naborted 0\nend$'

# --- those who say nothing, and those who knock ---
silent=()
for ((i = 0; i < 12; i++)); do
	r python3 "$ASKER" ask "$(handover_path)" wait &
	silent+=($!)
	disown $!
done
first=$RELAY_PID
ok "among twelve that say nothing another relay can take over" relay_start
ok "and the old one goes" wait_for 20 process_gone "$first"
for pid in "${silent[@]}"; do
	stop "$pid" KILL
done

ticks=$(relay_ticks)
size=$(stat -c %s "$RELAY_LOG")
read -r tries reached <<<"$(in_container python3 "$ASKER" knock "$(handover_path)" 3)"
echo "# $tries knocks, $reached of them got in"
ok "the log grows by a few lines only" test $(($(stat -c %s "$RELAY_LOG") - size)) -lt 1000
echo "# $(($(relay_ticks) - ticks)) ticks of 10 ms in 3 s"
ok "it takes little time" test $(($(relay_ticks) - ticks)) -lt 50
ok "flows are served" via_relay $SERVER4
first=$RELAY_PID
in_container python3 "$ASKER" knock "$(handover_path)" 8 >/dev/null &
knocker=$!
ok "while somebody knocks another relay can take over" relay_start
ok "and the old one goes" wait_for 20 process_gone "$first"
wait $knocker

# --- starts that fail ---
first=$RELAY_PID
refused "a new relay with an unknown user" 'user nosuch: unknown .*' --user nosuch
ok "the old one continues" via_relay $SERVER4
refused "a new relay whose other port is taken" 'listener TCP 127.0.0.1:15002: Address already in use .*' --listen 15009,15002
ok "the old one continues" via_relay $SERVER6
nok "as the same process" process_gone "$first"
said=$(r unshare --mount "$RELAY" --pin-dir "$PINS" 2>&1 </dev/null)
like "a new relay in a mount namespace of its own says why it cannot take over" "$said" \
	"^tproxy-relay: hand-over: the relay at .* is in another mount namespace .*\(.*stop that one first\)\$"
ok "the old one continues" via_relay $SERVER4

freeze "$first"
refused "a relay that does not answer" 'hand-over: the relay at relay-[0-9]+-15002.handover does not give its listeners: no answer .*'
kill -CONT "$first"
ok "another one can still take over" relay_start
ok "and goes" wait_for 20 process_gone "$first"
ok "flows are served" via_relay $SERVER4
relay_stop
nok "at its end a relay removes its sockets" test -e "$(handover_path)" -o -e "$(flows_path)"

# --- what is found at the name ---
ok "a program of root that is no relay has the place" sit babble
refused "a start" 'hand-over: the relay at .* is of another version .*'
stop "$SITS" KILL
ok "a socket that was left over is replaced" relay_start
ok "flows are served" steering $SERVER4
relay_stop KILL
ok "after a kill the relay starts" relay_start
first=$RELAY_PID
ok "and can be taken over" relay_start
ok "the old one goes" wait_for 20 process_gone "$first"

# --- two that do not know of each other ---
other=$RELAY_PID
"$RELAY" -n "$ROUTER" --listen 15020 --pin-dir /nonexistent >"$WORK/log/other" 2>&1 &
second=$!
ok "a relay on another port is another relay" wait_for 10 grep -q 'listening on 15020' "$WORK/log/other"
nok "it takes nothing over" grep -q taking "$WORK/log/other"
nok "the first one runs" process_gone "$other"
stop $second
ok "with --no-seccomp a relay takes over, too" relay_start --no-seccomp
is "no filter then" "$(status_of Seccomp)" 0
relay_stop

# --- a directory that cannot be used ---
chown nobody /run/tproxy
ok "in a /run/tproxy of another user the relay starts" relay_start
is "one warning says what to do" "$(grep -c ' warn hand-over' "$RELAY_LOG")" 1
ok "it is that one" relay_says 'warn hand-over: /run/tproxy/.*: other users may write in this directory \(start as root, or choose a directory with --run-dir.*'
ok "flows are served" steering $SERVER4
relay_stop
rm -rf /run/tproxy
mkdir -m 755 "$WORK/mine"
ok "with --run-dir it starts" relay_start --run-dir "$WORK/mine"
ok "its sockets are there" test -S "$WORK/mine/$(basename "$(handover_path)")" -a ! -e "$(handover_path)"
like "a list of flows finds it there" "$(r "$RELAY" --list --run-dir "$WORK/mine")" '^no flow|^0 flows|flow'
first=$RELAY_PID
ok "and it can be taken over" relay_start --run-dir "$WORK/mine"
ok "the old one goes" wait_for 20 process_gone "$first"
relay_stop
mkdir -m 777 "$WORK/theirs"
ok "in a directory that others can write in the relay starts" relay_start --run-dir "$WORK/theirs"
ok "but without sockets" relay_says 'warn hand-over: .*theirs.*: other users may write'
is "none is there" "$(ls -A "$WORK/theirs")" ""
finish
