#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# FIN and RST of one side become FIN and RST of the other, in every state. After a reset the last
# acknowledgement may be forwarded, because no socket owns it any more; a flow start may not.
. "$(dirname "$0")/../lib/test.sh"

prepare peer
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 7007,7009

# Of a flow that was reset a last acknowledgement may pass, since no socket has it any more: starts may not.
r nft -f - <<-'NFT'
	table inet starts {
		counter past { }
		chain forward {
			type filter hook forward priority 0
			iifname r0 tcp dport { 7007, 7009 } tcp flags & (syn | ack) == syn counter name past
		}
	}
NFT
starts_past() { packets r inet starts past; }

# What the server does not answer: SYNs to 7009, and everything to 7007 while blocked.
s nft -f - <<-'NFT'
	table inet block {
		chain input {
			type filter hook input priority 0
			tcp dport 7009 drop
		}
		chain later {
			type filter hook input priority 0
		}
	}
NFT
block() { s nft add rule inet block later tcp dport 7007 drop; }
unblock() { s nft flush chain inet block later; }
connecting() { [[ -n $(r ss -Htn state syn-sent "dport = :$1") ]]; }
idle_relay() { [[ -z $(r ss -Htn state syn-sent) ]]; }
client_has_ended() { [[ -n $(r ss -Htn state close-wait "sport = :7007") ]]; }

check() { # CLIENT ADDRESS
	local from=$1 to=$2

	is "the client ends first, the server continues ($to)" \
		"$(play "$to" send=3000 send=500000,after=eof)" "client 500000 same fin, server 3000 same fin"
	flow_ended "$from" "$to" client-fin
	is "the server ends first, the client continues" \
		"$(play "$to" send=5000000,after=eof send=4000)" "client 4000 same fin, server 5000000 same fin"
	flow_ended "$from" "$to" server-fin
	is "the server resets" "$(play "$to" end=none send=10,end=rst)" \
		"client 10 same reset, server 0 same rst-sent"
	flow_ended "$from" "$to" server-rst
	is "the client resets" "$(play "$to" send=10,end=rst end=none)" \
		"client 0 same rst-sent, server 10 same reset"
	flow_ended "$from" "$to" client-rst
	like "the server resets while the client does not read" \
		"$(play "$to" stall=1000,rcvbuf=4096,end=none send=3000000,end=rst)" \
		'^client [0-9]+ [a-zA-Z]+ reset, server 0 same rst-sent$'
	like "the client resets while the server does not read" \
		"$(play "$to" send=3000000,end=rst stall=1000,rcvbuf=4096,end=none)" \
		'^client 0 same rst-sent, server [0-9]+ [a-zA-Z]+ reset$'
	is "the server resets after the client's FIN" "$(play "$to" "" send=10,end=rst,after=eof)" \
		"client 10 same reset, server 0 same rst-sent"
	is "the client resets after the server's FIN" \
		"$(play "$to" send=10,end=rst,after=eof linger=500)" \
		"client 0 same rst-sent, server 10 same reset"
}

# The server answers, and resets although there is more to read; the relay meets all of that at once.
check_last_words() { # ADDRESS
	local player

	play "$1" send=40,chunk=1,pace=100,end=none send=5000,delay=1000,end=rst >"$WORK/last" &
	player=$!
	wait_for 5 established
	freeze "$RELAY_PID"
	ok "the server has reset ($1)" wait_for 10 server_gone
	kill -CONT "$RELAY_PID"
	wait $player
	like "its answer arrives before the reset does" "$(<"$WORK/last")" \
		'^client 5000 same reset, server [0-9]+ OTHER rst-sent$'
}
server_gone() { ! established; }

check_connecting() { # CLIENT ADDRESS
	local from=$1 to=$2 player

	is "the client resets while the relay is connecting ($to)" "$(cpy abort "$to" 7009 client)" aborted
	flow_ended "$from" "$to" client-rst 7009
	ok "the relay has given up connecting" wait_for 5 idle_relay

	block
	play "$to" send=20000,seed=3 send=7000,after=eof,seed=4 >"$WORK/early" &
	player=$!
	ok "the client's bytes and FIN are there before the server" wait_for 5 client_has_ended
	ok "the relay is connecting" connecting 7007
	unblock
	wait $player
	is "they are passed on" "$(<"$WORK/early")" "client 7000 same fin, server 20000 same fin"
}

for family in 4 6; do
	client=CLIENT$family server=SERVER$family
	check "${!client}" "${!server}"
	check_connecting "${!client}" "${!server}"
	check_last_words "${!server}"
done
is "no flow bypassed the relay" "$(starts_past)" 0
ok "the relay runs" kill -0 "$RELAY_PID"
finish
