#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# --show-bpftool changes nothing, and what it prints has the same effect when the shell runs it.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6

policy() {
	local map

	for map in dst4 src4 dst6 src6 ports ifaces rules config; do
		echo "== $map"
		bpftool -j map dump pinned "$PINS/$map" | python3 -c '
import json, sys
for entry in sorted(json.dumps(e, sort_keys=True) for e in json.load(sys.stdin)):
    print(entry)'
	done
}

same_effect() { # ARGS… — of the loader, with and without --show-bpftool
	do_ok "$*: --show-bpftool succeeds" loader "$@" --show-bpftool
	cp "$WORK/out" "$WORK/shown"
	like "$*: it prints bpftool commands" "$OUT" 'bpftool map (update|delete)'
	policy >"$WORK/untouched"
	same_text "$*: it changes nothing" "$WORK/start" "$WORK/untouched"
	do_ok "$*: the shell runs what was printed" r bash -eu "$WORK/shown"
	policy >"$WORK/by-shell"
	nok "$*: which changes the policy" cmp "$WORK/start" "$WORK/by-shell"
}

# there by the shell, there by the loader, and back by the loader: the same maps each time
there_and_back() { # UNDO-VERB ARGS…
	local noun=$1 verb=$2 undo=$3
	shift 3

	policy >"$WORK/start"
	same_effect "$noun" "$verb" "$@"
	do_ok "$noun $undo $*" loader "$noun" "$undo" "$@"
	policy >"$WORK/back"
	same_text "$noun $undo $* undoes it" "$WORK/start" "$WORK/back"
	do_ok "$noun $verb $*" loader "$noun" "$verb" "$@"
	policy >"$WORK/by-loader"
	same_text "$noun $verb $* is what the shell did" "$WORK/by-shell" "$WORK/by-loader"
}

there_and_back cidr add del 10.77.3.0/24
there_and_back cidr add del fd77:3::/64
ok "the extra networks are relayed" steering $EXTRA4 $EXTRA6
there_and_back cidr del add 10.77.3.0/24 fd77:3::/64
ok "the extra IPv4 network is direct" direct $EXTRA4
ok "the extra IPv6 network is direct" direct $EXTRA6
there_and_back port add del tcp/8080
like "the port is relayed" "$(whoami_at $SERVER4 8080)" "^$ROUTER4 "
there_and_back port del add tcp/8080
like "the port is direct" "$(whoami_at $SERVER4 8080)" "^$CLIENT4 "
finish
