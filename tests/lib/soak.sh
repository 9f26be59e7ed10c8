# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The load of the soak tests, see soak.py: flows to port 7007 of both servers, over both
# families. Needs test.sh.

SOAK_PIDS=()

# soak_serve — starts a server in place of the echo server
soak_serve() {
	serve_run soak-server "$SERVER" python3 "$LIB/net.py" greet 7007
	wait_for 10 listening "$SERVER" udp 7007
	# counts the first packets of flows that bypass the relay
	r nft -f - <<-'NFT'
		table inet soak {
			counter starts { }
			chain forward {
				type filter hook forward priority 1
				oifname r1 tcp dport 7007 tcp flags & (syn | ack) == syn counter name starts
				oifname r1 udp dport 7007 counter name starts
			}
		}
	NFT
}

starts_past() { packets r inet soak starts; }

# soak_load NAME KIND… -- HOST…
soak_load() {
	local name=$1
	shift

	: >"$WORK/soak-$name"
	nsenter --net="/run/netns/$CLIENT" -- python3 "$LIB/soak.py" load "$WORK/soak-$name" \
		"$WORK/progress-$name" 7007 "$@" >"$WORK/log/soak-$name" 2>&1 &
	SOAK_PIDS+=($!)
	disown $!
}

soak_stop() {
	local pid

	for pid in "${SOAK_PIDS[@]}"; do
		kill -TERM "$pid" 2>/dev/null
	done
	for pid in "${SOAK_PIDS[@]}"; do
		# a stuck flow ends at its own limit
		wait_for 30 process_gone "$pid"
	done
	SOAK_PIDS=()
}

# soaked NAME COLUMN — prints the number of flows so far: 1 relayed, 2 direct, 3 failed
soaked() { cut -d' ' -f"$2" "$WORK/progress-$1" 2>/dev/null || echo 0; }
soaked_more() { [[ $(soaked "$1" "$2") -ge $3 ]]; }

# soak_state STATE — notes for soak_judge what is true from now on
soak_state() { echo "$1 $EPOCHREALTIME" >>"$WORK/states"; }

# soak_judge DESCRIPTION NAME…
soak_judge() {
	local what=$1 name rc
	shift

	for name in "$@"; do
		python3 "$LIB/soak.py" judge "$WORK/soak-$name" "$WORK/states" >"$WORK/verdict" 2>&1
		rc=$?
		grep '^# flows' "$WORK/verdict"
		tap_result $rc "$what ($name)" || head -n 20 "$WORK/verdict" | tap_comment
	done
}

# helper_fds PID — prints the number of descriptors of the registrar, which opens the pins of each
# attach
helper_fds() {
	local pid

	for pid in $(pgrep -P "$1"); do
		find "/proc/$pid/fd" -mindepth 1
	done | wc -l
}
