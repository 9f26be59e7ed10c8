#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# run: one program in, although the rules are for another user, or out. As root and as an ordinary user
# whom root allows it; exit status, signals, arguments, and what is refused.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
cp "$LOADER" "$WORK/tproxy-loader"
chmod 755 "$WORK" "$WORK/log" "$WORK/tproxy-loader"
USER_ID=1234
run() { app "$WORK/tproxy-loader" --pin-dir "$PINS" run "$@"; }
as_user() { app setpriv --reuid $USER_ID --regid $USER_ID --clear-groups "$@"; }
run_as_user() { as_user "$WORK/tproxy-loader" --pin-dir "$PINS" run "$@"; }
status_of() { # CMD…, what it printed and its status
	local rc=0

	"$@" >"$WORK/out" 2>&1 || rc=$?
	echo "$rc $(<"$WORK/out")"
}
flows_by() { # TEXT EXPECTED-BY CMD…
	local expected4 expected6

	expected4=$($2 4) expected6=$($2 6)
	is "$1: TCP" "$("${@:3}" "${PY[@]}" tcp4 "connect=$SERVER4:$PORT" say 2>&1)" "$expected4"
	is "$1: UDP" "$("${@:3}" "${PY[@]}" udp4 "ask=$SERVER4:$PORT" 2>&1)" "$expected4"
	is "$1: TCP, IPv6" "$("${@:3}" "${PY[@]}" tcp6 "connect=[$SERVER6]:$PORT" say 2>&1)" "$expected6"
	is "$1: UDP, IPv6" "$("${@:3}" "${PY[@]}" udp6 "ask=[$SERVER6]:$PORT" 2>&1)" "$expected6"
}
proxied() { if [[ $1 == 4 ]]; then through "$SERVER4" "$PORT"; else through "$SERVER6" "$PORT"; fi; }
alone() { if [[ $1 == 4 ]]; then around; else around "$ROUTER6"; fi; }

like "run before own traffic is attached" "$(status_of loader run -- true)" "^3 .*not attached .*attach --local"
own_up --ports $PORT,udp/$PORT

# --- as root ---
flows_by "rules for everybody" proxied app
flows_by "run --not" alone run --not --
own owner uid any 0xfffffffffffffffe
own owner uid 77 0xffffffffffffffff
flows_by "rules for another user" alone app
flows_by "run" proxied run --
# shellcheck disable=SC2016
flows_by "what a program starts" proxied run -- sh -c '"$@"; exit $?' sh
flows_by "run in run --not" proxied run --not -- "$WORK/tproxy-loader" --pin-dir "$PINS" run --
flows_by "run --not in run" alone run -- "$WORK/tproxy-loader" --pin-dir "$PINS" run --not --
like "the program stays below the cgroup that it was in" "$(run cat /proc/self/cgroup)" \
	"/${CGROUP##*/}/app/tproxy.run(\$|[[:space:]])"
own owner cgroup any 0xfffffffffffffffe
flows_by "rules for another cgroup" alone app
flows_by "run, rules for another cgroup" proxied run --
own owner uid any 0xffffffffffffffff
own owner cgroup any 0xffffffffffffffff
do_ok "a rule for nobody" own_rule "uid = none" "proxy = $PROXY_PORT" "ports = $PORT udp/$PORT"
flows_by "a rule for nobody" alone app
unlike "status does not say that it never matches" "$(loader status)" 'never match'
flows_by "run, a rule for nobody" proxied run --
own_rule "ports = $PORT udp/$PORT" "proxy = $PROXY_PORT" >"$WORK/log/apply" 2>&1
sed '/^\[rule/,$ { /^local/d }' "$WORK/own.conf" >"$WORK/routed.conf"
do_ok "a rule for routed flows" loader apply "$WORK/routed.conf"
flows_by "run, no rule for own traffic" alone run --
do_ok "a rule for everybody" own_rule "ports = $PORT udp/$PORT" "proxy = $PROXY_PORT"

# --- the program itself ---
is "its exit status" "$(status_of run -- sh -c 'exit 42')" "42 "
is "its arguments" "$(run -- printf '%s|' a 'b c' -h --help)" "a|b c|-h|--help|"
is "its arguments, without --" "$(run printf '%s|' -h --not)" "-h|--not|"
is "its user" "$(run -- id -u)" "$(id -u)"
like "a program that is not there" "$(status_of run -- no-such-program)" "^127 .*no-such-program: cannot be started"
like "a program that cannot be run" "$(status_of run -- /etc/passwd)" "^126 .*cannot be started"
like "no program" "$(status_of run)" "^2 .*which program"
like "--cgroup without --allow" "$(status_of run --cgroup /a -- true)" "^2 "
like "help" "$(status_of loader run --help)" "^0 usage: tproxy-loader run"
# shellcheck disable=SC2016
nsenter --net="/run/netns/$ROUTER" -- sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$CGROUP/app" \
	"$WORK/tproxy-loader" --pin-dir "$PINS" run -- sleep 600 &
sleeper=$!
is_asleep() { [[ $(<"/proc/$sleeper/comm") == sleep ]]; }
ok "the program has the process number of the command" wait_for 10 is_asleep
kill -TERM $sleeper
rc=0
wait $sleeper || rc=$?
is "a signal is the program's own" $rc 143

# --- the cgroups ---
run true
rmdir "$CGROUP/app/tproxy.run"
is "a cgroup that was removed is made again" "$(status_of run true)" "0 "
in_cgroup app/inner "$WORK/tproxy-loader" --pin-dir "$PINS" run true
run_tidies() { run true && [[ ! -d $CGROUP/app/inner/tproxy.run ]]; }
ok "those without a program are removed by the next command" wait_for 10 run_tidies
chown $USER_ID "$CGROUP/app/inner"
setpriv --reuid $USER_ID --regid $USER_ID --clear-groups mkdir "$CGROUP/app/inner/tproxy.not"
like "a cgroup that another user has made is refused" \
	"$(status_of in_cgroup app/inner "$WORK/tproxy-loader" --pin-dir "$PINS" run --not true)" \
	"^1 .*tproxy.not: cannot be used: another user made it"
rmdir "$CGROUP/app/inner/tproxy.not"
chown 0 "$CGROUP/app/inner"

# --- an ordinary user ---
below=/${CGROUP##*/}/app
like "a user who is not allowed" "$(status_of run_as_user -- true)" \
	"^1 .*user $USER_ID may not .* tproxy.run here \(as root: tproxy-loader run --allow $USER_ID --cgroup $(escaped "$below")\)"
like "and out" "$(status_of run_as_user --not -- true)" \
	"^1 .*tproxy.not here \(as root: tproxy-loader run --not --allow $USER_ID --cgroup $(escaped "$below")\)"
do_ok "root allows it" loader run --allow $USER_ID --cgroup "$below"
flows_by "run, an ordinary user" proxied run_as_user --
is "its user stays" "$(run_as_user -- id -u)" $USER_ID
like "but not out" "$(status_of run_as_user --not -- true)" "^1 "
do_ok "root allows that, too" loader run --not --allow $USER_ID --cgroup "$below"
do_ok "a rule for everybody" own_rule "proxy = $PROXY_PORT" "ports = $PORT udp/$PORT"
flows_by "a rule for everybody" proxied as_user
flows_by "run --not, an ordinary user" alone run_as_user --not --
like "nobody is given the root cgroup" "$(status_of loader run --allow $USER_ID --cgroup /)" "^2 "
like "a user who does not exist" "$(status_of loader run --allow no-such-user)" "^2 .*no such user"
like "a cgroup that does not exist" "$(status_of loader run --allow $USER_ID --cgroup "$below/none")" \
	"^1 .*the cgroup above it does not exist .*--cgroup"
like "a cgroup without hooks" "$(status_of loader run --allow $USER_ID --cgroup /none)" "^1 .*is not above it"

rmdir "$CGROUP/app/tproxy.run" "$CGROUP/app/tproxy.not"
own_down
finish
