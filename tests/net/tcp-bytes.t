#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Every byte arrives, once and in order, however it was cut, delayed or marked urgent, copied or
# spliced.
. "$(dirname "$0")/../lib/test.sh"

prepare peer
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 7007
bypass_reset
before=$(relay_ticks)

both() { # DESCRIPTION ADDRESS CLIENT-PLAN SERVER-PLAN
	local up=0 down=0

	[[ ! $3 =~ send=([0-9]+) ]] || up=${BASH_REMATCH[1]}
	[[ ! $4 =~ send=([0-9]+) ]] || down=${BASH_REMATCH[1]}
	is "$1 ($2)" "$(play "$2" "$3" "$4")" "client $down same fin, server $up same fin"
}

for to in $SERVER4 $SERVER6; do
	both "40 MB down" "$to" "" send=40000000
	both "40 MB up" "$to" send=40000000 ""
	both "both ways at once" "$to" send=20000000,seed=2 send=20000000,seed=3
	both "both ways, random pieces and pauses" "$to" \
		send=6000000,seed=4,chunk=200000,pause=20 send=6000000,seed=5,chunk=3000,pause=20
	both "single bytes, both ways" "$to" send=3000,chunk=1,pause=5,seed=6 send=3000,chunk=1,seed=7
	both "urgent bytes in small pieces" "$to" send=20000,chunk=100,urgent=3,seed=8 \
		send=20000,chunk=100,urgent=5,pause=5,seed=9
	both "urgent bytes in bulk" "$to" send=10000000,chunk=300000,urgent=2,seed=10 \
		send=10000000,chunk=300000,urgent=7,seed=11
	both "an urgent byte is the last one before the FIN" "$to" send=1,chunk=1,urgent=1 \
		send=1000000,chunk=1000000,urgent=1
	both "bulk ends with an urgent byte, and no FIN until it is answered" "$to" \
		send=1000000,chunk=1000000,urgent=16,end=none send=5,after=1000000
	both "FIN in one segment with the data" "$to" send=700,cork=1 send=700,cork=1,after=eof
	both "nothing at all" "$to" "" ""
done

both "a receiver that stalls now and then" $SERVER4 pause=100,rcvbuf=8192 send=3000000,seed=12
both "a tail of 9 KB behind a closed window" $SERVER4 stall=2000,rcvbuf=2048 send=9000,seed=13
both "the same, the other side has ended before" $SERVER6 stall=2000,rcvbuf=2048 send=9000,seed=14,after=eof
both "bulk behind a window that is closed for long" $SERVER4 stall=2000,rcvbuf=4096 send=8000000,seed=15
at_most "the relay never spun (ticks of 10 ms)" "$(($(relay_ticks) - before))" 400
ok "the relay runs" kill -0 "$RELAY_PID"
ok "its records have the bytes" relay_says "$(record tcp $CLIENT4 $SERVER4 7007 '.* up=[0-9]+ down=40000000 .*end=(client|server)-fin')"
bypass_none "no packet went past the relay"
finish
