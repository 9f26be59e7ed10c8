#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A flow without activity ends by its time-out: connecting, open, half closed, unacknowledged.
. "$(dirname "$0")/../lib/test.sh"

prepare peer
serve_run echo "$SERVER" python3 "$LIB/net.py" echo 7008
wait_for 10 listening "$SERVER" tcp 7008 || fatal "the echo server starts"
ok "the relay starts" relay_start --connect-timeout 2 --idle-timeout 3 --half-closed-timeout 2
do_ok "attach" loader attach r0 --ports 7007,7008,7009
bypass_reset

# What the server does not answer
s nft -f - <<-'NFT'
	table inet block {
		chain input {
			type filter hook input priority 0
			tcp dport 7009 drop
		}
	}
NFT

check_timeouts() { # CLIENT ADDRESS
	local from=$1 to=$2

	is "no answer to the SYN: reset" "$(cpy probe "$to" 7009)" "connected reset"
	flow_ended "$from" "$to" "connect-timeout errno=ETIMEDOUT" 7009
	is "nothing happens: either side is reset ($to)" "$(play "$to" end=none end=none)" \
		"client 0 same reset, server 0 same reset"
	flow_ended "$from" "$to" idle
	is "half closed and nothing happens: reset" "$(play "$to" "" linger=4000,end=none)" \
		"client 0 same reset, server 0 same fin"
	flow_ended "$from" "$to" half-closed
	is "a half-closed flow lives as long as bytes move" \
		"$(play "$to" "" send=60,chunk=1,pace=60)" "client 60 same fin, server 0 same fin"
}

# The server vanishes while bytes are under way to it.
check_user_timeout() { # CLIENT ADDRESS
	local from=$1 to=$2

	c python3 "$LIB/net.py" hold "$to" 7008 "$WORK/go" >"$WORK/hold" 2>&1 &
	ok "a flow runs" wait_for 10 grep -q up "$WORK/hold"
	s nft add rule inet block input tcp dport 7008 drop
	touch "$WORK/go"
	flow_ended "$from" "$to" "error errno=ETIMEDOUT" 7008
	wait $!
	like "the client learns by a reset" "$(<"$WORK/hold")" 'reset by peer'
}

check_timeouts $CLIENT4 $SERVER4
relay_stop
ok "a relay with --user-timeout starts" relay_start --user-timeout 1
check_user_timeout $CLIENT4 $SERVER4
bypass_none "no packet went past the relay"
finish
