# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Flows of numbered datagrams, see tests/helpers/udppeer.c. Needs test.sh.

PEER=$TOP/build/tests/helpers/udppeer
[[ -x $PEER ]] || fatal "tests/helpers/udppeer is built (make tests)"

# serve_peer echo|ack|bound PORT [NS]
serve_peer() {
	local ns=${3:-$SERVER}

	serve_run "peer-$2" "$ns" "$PEER" "$1" "$2"
	wait_for 10 listening "$ns" udp "$2" || fatal "the server on port $2 starts"
}

flow() { c "$PEER" flow "$@"; }

# flow_start NAME ADDR PORT ARGS… — in the background; $WORK/NAME has the number of answers
flow_start() {
	local name=$1
	shift

	nsenter --net="/run/netns/$CLIENT" -- "$PEER" flow "$@" "progress=$WORK/$name" \
		>"$WORK/$name.result" 2>"$WORK/log/flow-$name" &
	FLOW_PID[$name]=$!
	SERVE_PIDS+=($!)
	disown $!
}
declare -A FLOW_PID=()

answers() { cat "$WORK/$1" 2>/dev/null || echo 0; }      # NAME
answers_reach() { [[ $(answers "$1") -ge $2 ]]; }        # NAME NUMBER
flow_end() {                                             # NAME — waits for it and prints its result
	wait_for "${2:-60}" process_gone "${FLOW_PID[$1]}"
	cat "$WORK/$1.result"
}

# lossless DESCRIPTION COUNT RESULT
lossless() { like "$1" "$3" "^sent $2 received $2 lost 0 wrong 0 "; }

# direct_sockets ADDRESS PORT — prints how many sockets of the relay there are connected to clients
direct_sockets() {
	r ss -Hnu state established "src $(bracket "$1"):$2" | wc -l
}
direct_sockets_are() { [[ $(direct_sockets "$1" "$2") -eq $3 ]]; } # ADDRESS PORT NUMBER

# relay_ended ERE — its last message
relay_ended() { grep -E " ended: .*$1" "$RELAY_LOG"; }
