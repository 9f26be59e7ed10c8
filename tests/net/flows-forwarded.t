#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# `flows` lists the flows that an audit rule forwards beside those of the relay, and without a relay;
# `flows kill` says that it cannot end them.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/schema.sh"

flows() { loader -j flows "$@" >"$WORK/flows" && valid_json flows "$WORK/flows"; }
get() { json_value "$1" <"$WORK/flows"; }
lists() { # COUNT ARG… — so many flows; waits for them
	local count=$1
	shift
	flows "$@" && [[ $(get "len(o['flows'])") == "$count" ]]
}
hold() { # NAME ADDRESS PORT — keeps a connection open that has sent 5 bytes
	serve_run "$1" "$CLIENT" python3 -c "
import socket, sys, time
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sock.sendall(b'hello')
sock.recv(5)
print(sock.getsockname()[1], flush=True)
time.sleep(1000)" "$2" "$3"
}
port_of() { wait_for 20 test -s "$WORK/log/$1" && cat "$WORK/log/$1"; }

prepare echo
do_ok "attach" loader attach r0 --ports 7007
refuses "no relay, and no rule that audits" 1 'no relay runs' loader flows
do_ok "a rule that audits" loader rule add watch --action audit --ports 7009,udp/7007 --to $SERVER4,$SERVER6
do_ok "without a relay the list is empty" loader flows
like "and says so" "$OUT" 'no flow is open'
# the echo server has one port
s nft -f - <<-'NFT'
	table inet shift {
		chain pre {
			type nat hook prerouting priority dstnat
			tcp dport 7009 redirect to :7007
		}
	}
NFT
hold four $SERVER4 7009
hold six $SERVER6 7009
four=$(port_of four)
ok "two flows are open" port_of six
ok "both are listed" wait_for 20 lists 2
is "no relay has them" "$(get "[f['via'] for f in o['flows']], o['relays']")" "(['forwarded', 'forwarded'], [])"
is "they have the rule" "$(get "{(f['rule'], f['rule_action']) for f in o['flows']}")" "{('watch', 'audit')}"
is "their addresses and bytes" \
	"$(get "sorted((f['client'], f['dst'], f['dst_port'], f['bytes_up'], f['bytes_down']) for f in o['flows'])")" \
	"[('$CLIENT4', '$SERVER4', 7009, 5, 5), ('$CLIENT6', '$SERVER6', 7009, 5, 5)]"
is "the totals have them" "$(get "o['total']['flows'], [t['rule'] for t in o['by_rule']]")" "(2, ['watch'])"
do_ok "as text" loader flows
like "with the word" "$OUT" "forwarded +[0-9]+ +tcp +$CLIENT4:$four +$SERVER4:7009 +- +- +watch \(audit\) +open"
do_ok "of one client" loader flows --client $CLIENT6 --rate
unlike "only its" "$OUT" "$CLIENT4:$four"
ok "by rule" flows --by rule

id=$(flows --client $CLIENT4 && get "o['flows'][0]['id']")
refuses "none of them can be killed" 1 "flow $id: it is forwarded and audited.*its client or server can" loader flows kill "$id"

# ---- beside a relay ----

ok "the relay starts" relay_start
ok "it registers" relay_says 'registered in'
hold relayed $SERVER4 7007
relayed=$(port_of relayed)
ok "all three are listed" wait_for 20 lists 3
is "each where it is" "$(get "sorted((f['via'], f['dst_port']) for f in o['flows'])")" \
	"[('forwarded', 7009), ('forwarded', 7009), ('relay', 7007)]"
is "one relay is named" "$(get "len(o['relays'])")" 1
do_ok "as text" loader flows
like "the relay has a name" "$OUT" "15002 +[0-9]+ +tcp +$CLIENT4:$relayed "
ok "of one relay: its alone" lists 1 --relay 15002
try loader flows kill --client $CLIENT4
is "kill of a client ends what the relay has" "$RC $OUT" "0 ended 1 flow"
like "and says what continues" "$ERR" 'audited flows match, too: they are forwarded, and continue'
ok "the forwarded ones are still there" wait_for 20 lists 2
finish
