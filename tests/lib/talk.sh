# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Long UDP flows to servers that answer with the address they see (`net.py greet`). Needs test.sh.

OLDER=$LIB/older.py
declare -A TALK_PID=()

# serve_greet PORT…
serve_greet() {
	local port

	for port in "$@"; do
		serve_run "greet-$port" "$SERVER" python3 "$LIB/net.py" greet "$port"
	done
	for port in "$@"; do
		wait_for 20 listening "$SERVER" udp "$port" || fatal "the server on port $port starts"
	done
}

# talk NAME ADDRESS PORT [PAUSE] — starts a flow of the client, in the background
talk() {
	nsenter --net="/run/netns/$CLIENT" -- python3 "$OLDER" talk "$2" "$3" "$WORK/talk$1" \
		"${4-0.1}" 2>"$WORK/log/talk-$1" &
	TALK_PID[$1]=$!
	SERVE_PIDS+=($!)
	disown $!
}

# talk_start NAME ADDRESS PORT [PAUSE] — the same, and waits for the first answer
talk_start() { talk "$@" && wait_for 10 answered "$1" 1; }
answers_of() { cut -d' ' -f1 "$WORK/talk$1" 2>/dev/null || echo 0; } # NAME
answered() { [[ $(answers_of "$1") -ge $2 ]]; }                      # NAME NUMBER
whom() { cut -d' ' -f2- "$WORK/talk$1"; }                            # NAME

# goes_on DESCRIPTION NAME WHOM — it gets ten more answers, and the server saw these addresses
goes_on() {
	ok "$1: the flow continues" wait_for 20 answered "$2" $(($(answers_of "$2") + 10))
	is "$1: its server saw" "$(whom "$2")" "$3"
}

# both NAME PORT — starts a flow of each family, NAME4 and NAME6
both() {
	ok "a flow to port $2 runs" talk_start "$1"4 "$SERVER4" "$2"
	ok "so does an IPv6 flow" talk_start "$1"6 "$SERVER6" "$2"
}

# wake NAME — a flow that pauses sends a datagram now
wake() { kill -USR1 "${TALK_PID[$1]}"; }
