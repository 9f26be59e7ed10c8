#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The shim answers SO_ORIGINAL_DST for connections that a rule gave to a proxy, and changes no other
# answer of the kernel.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/adopt.sh"
. "$(dirname "$0")/../lib/schema.sh"

lines() { c "$PYTHON" "$LIB/adopt.py" lines "$1" 80; }
# of the answer to the latest `lines`
line() { sed -n "s/^$1 //p" <<<"$LINES_SEEN"; }
in_cgroup() { # DIRECTORY CMD…
	# shellcheck disable=SC2016
	r sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$@"
}
local_answers() { in_cgroup "$1" "$PYTHON" "$LIB/adopt.py" local; }
unanswered() { # ERRNO — the kernel's, with or without conntrack
	[[ $1 == "errno 92" || $1 == "errno 2" ]]
}

prepare
snapshot >"$WORK/before"
dir=$(adopt_cgroup proxy) || skip_inside "no cgroup2"
cgroup=/$CGROUP_NAME/proxy
do_ok "attach" loader attach r0 --ports 80 --proxy 3129
ADOPT_CGROUP=$dir
victim both --probe :: 3129
do_ok "adopt" loader adopt --pid $ADOPT_PID
LINES_SEEN=$(lines $SERVER4)
ok "without the shim the kernel has no answer" unanswered "$(line ip)"
local_answers "$dir" >"$WORK/local.before"

refuses "no such cgroup" 1 "no such cgroup" loader shim --cgroup /tproxy-nothing
refuses "not a path" 2 "not a path" loader shim --cgroup some.service
refuses "no path" 2 "which cgroup" loader shim
do_ok "dry run" loader shim --cgroup "$cgroup" --dry-run
nok "attaches nothing" compgen -G "$PINS/links/shim_*"
do_ok "the shim" loader shim --cgroup "$cgroup"
ok "is pinned" compgen -G "$PINS/links/shim_*"
do_ok "once more, by the whole path" loader shim --cgroup "$dir/"
like "says so" "$ERR" "already"

# ---- a dual-stack listener ----

LINES_SEEN=$(lines $SERVER4)
is "a mapped client, at the level of IPv4" "$(line ip)" "$SERVER4 80 16"
is "with a longer buffer" "$(line ip-long)" "$SERVER4 80 16"
is "with a huge one" "$(line ip-huge)" "$SERVER4 80 16"
is "with a short one" "$(line ip-short)" "errno 22"
ok "at the level of IPv6 the kernel answers" unanswered "$(line ipv6)"
is "other options" "$(line other) $(line other-huge) $(line sndbuf)" "errno 92 errno 92 errno 0"
LINES_SEEN=$(lines $EXTRA6)
is "a client of IPv6" "$(line ipv6)" "$EXTRA6 80 28"
is "with a longer buffer" "$(line ipv6-long)" "$EXTRA6 80 28"
is "with a huge one" "$(line ipv6-huge)" "$EXTRA6 80 28"
is "with a short one" "$(line ipv6-short)" "errno 22"
ok "at the level of IPv4 the kernel answers" unanswered "$(line ip)"

# ---- what is not ours ----

local_answers "$dir" >"$WORK/local.after"
ok "sockets of other kinds" test -s "$WORK/local.before"
is "are answered as before" "$(diff "$WORK/local.before" "$WORK/local.after")" ""
like "also more than a page" "$(<"$WORK/local.after")" "peergroups 0 6000 2624250"
victim_stop

victim v4 --original 0.0.0.0 3129
do_ok "an IPv4 socket" loader adopt --pid $ADOPT_PID
is "is answered" "$(ask $SERVER4 80)" "$SERVER4 80"
is "a direct connection is none of a proxy" "$(ask $GATE4 3129 | cut -d' ' -f1)" error
r nft -f - <<-'NFT'
	table ip redirected {
		chain pre {
			type nat hook prerouting priority -100
			iifname r0 tcp dport 8080 redirect to :3129
		}
	}
NFT
is "a redirected one has the kernel's answer" "$(ask $EXTRA4 8080)" "$EXTRA4 8080"
is "while ours have ours, with conntrack as well" "$(ask $SERVER4 80)" "$SERVER4 80"
victim_stop
victim v6 --original --v6 :: 3129
do_ok "an IPv6 socket" loader adopt --pid $ADOPT_PID
is "is answered" "$(ask $SERVER6 80)" "$SERVER6 80"
victim_stop

# ---- its cgroup ends, and is made again ----

"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
watch=$!
SERVE_PIDS+=("$watch")
disown
ok "watch" wait_for 20 grep -q watching "$WORK/log/watch"
wait_for 10 rmdir "$dir"
like "status knows" "$(loader listeners)" "cgroup $cgroup: gone"
adopt_cgroup proxy >"$WORK/log/cgroup"
ok "watch follows" wait_for 20 grep -q "cgroup $cgroup: made again" "$WORK/log/watch"
victim again --original :: 3129
ok "and adopts" wait_for 20 grep -q "adopted again (pid $ADOPT_PID)" "$WORK/log/watch"
is "a flow of IPv4" "$(ask $SERVER4 80)" "$SERVER4 80"
is "a flow of IPv6" "$(ask $SERVER6 80)" "$SERVER6 80"
stop "$watch"
loader -j listeners >"$WORK/listeners.json"
ok "the JSON is valid" valid_json listeners "$WORK/listeners.json"
is "and has the shim" "$(json_value "[(s['cgroup'], s['adopted'], s['attached']) for s in o['shims']]" <"$WORK/listeners.json")" "[('$cgroup', False, True)]"
like "save names it" "$(loader save)" "# SO_ORIGINAL_DST.*shim --cgroup $cgroup"
like "status, too" "$(loader status)" "SO_ORIGINAL_DST is answered in:.*cgroup $cgroup"

# ---- off ----

do_ok "off" loader shim --cgroup "$cgroup" --off
nok "nothing is pinned" compgen -G "$PINS/links/shim_*"
is "no answer any more" "$(ask $SERVER6 80 | cut -d' ' -f1)" error
do_ok "off again" loader shim --cgroup "$cgroup" --off
do_ok "adopt with it" loader adopt --pid $ADOPT_PID --original-dst
is "a flow of IPv4" "$(ask $SERVER4 80)" "$SERVER4 80"
do_ok "release" loader adopt --release --pid $ADOPT_PID
nok "ends it" compgen -G "$PINS/links/shim_*"
is "no answer any more" "$(ask $SERVER6 80 | cut -d' ' -f1)" error
victim_stop

# whom it concerns besides
ADOPT_CGROUP=$CGROUPS
victim root --original 127.0.0.1 3129
try loader adopt --pid $ADOPT_PID --original-dst
is "in the root cgroup: with remarks" $RC 4
like "which say whom it concerns" "$ERR" "every program of this host"
is "a flow" "$(ask $SERVER4 80)" "$SERVER4 80"
do_ok "release" loader adopt --release --pid $ADOPT_PID
victim_stop
ADOPT_CGROUP=$dir
victim last --original :: 3129
do_ok "adopt with it again" loader adopt --pid $ADOPT_PID --original-dst
do_ok "detach --all" loader detach --all
nok "ends it, too" compgen -G "$PINS/links/shim_*"
r nft delete table ip redirected
unchanged "nothing is left" "$WORK/before"
finish
